SELECT policy_domain, organisation_key, result_type, min(day) AS first_day
  FROM failure
  WHERE day < first_day_of_troubles AND counted AND failed_sessions BETWEEN 1 AND $sessions_max
    AND /* credible */ AND /* of a report known then */
  GROUP BY ALL
