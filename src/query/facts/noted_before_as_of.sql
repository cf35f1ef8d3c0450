SELECT policy_domain, organisation_key, result_type, min(day) AS first_day
  FROM failure
  WHERE day < $troubles_first::DATE AND counted AND failed_sessions BETWEEN 1 AND $sessions_max
    AND {{credible}} AND {{of_known_report}}
  GROUP BY ALL
