-- Why the sessions of those pairs failed, with what decides whether the mail was delivered.
SELECT organisation_key, policy_domain, result_type, policy_type, mode,
       sum(failed_sessions) FILTER (day >= $first_day) AS failed, sum(failed_sessions) FILTER (day < $first_day) AS failed_before
FROM failure
WHERE day BETWEEN $before_first_day AND $last_day AND failed_sessions > 0
  AND ($policy_domain IS NULL OR policy_domain = $policy_domain)
  AND ($organisation IS NULL OR organisation_key = $organisation)
  AND ($trust IS NULL OR trust = $trust OR ($trust = 'trusted' AND trust <> 'none'))
  AND failed_sessions <= $sessions_max
  AND (CASE WHEN $policy_type IS NULL THEN counted ELSE policy_type = $policy_type END)
GROUP BY organisation_key, policy_domain, result_type, policy_type, mode
ORDER BY coalesce(failed, 0) DESC, failed_before DESC, organisation_key, policy_domain, result_type, policy_type, mode
LIMIT $rows_max
