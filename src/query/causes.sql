-- Why sessions failed, for each sending organisation, with what decides whether the mail was delivered.
SELECT organisation_key, result_type, policy_type, mode, sum(failed_sessions) AS failed
FROM failure
WHERE day BETWEEN $first_day AND $last_day
  AND ($policy_domain IS NULL OR policy_domain = $policy_domain)
  AND ($organisation IS NULL OR organisation_key = $organisation)
  AND ($trust IS NULL OR trust = $trust OR ($trust = 'trusted' AND trust <> 'none'))
  AND coalesce(failed_sessions, 0) <= $sessions_max
  AND (CASE WHEN $policy_type IS NULL THEN counted ELSE policy_type = $policy_type END)
GROUP BY organisation_key, result_type, policy_type, mode
HAVING failed > 0
ORDER BY failed DESC, organisation_key, result_type, policy_type, mode
LIMIT 2000
