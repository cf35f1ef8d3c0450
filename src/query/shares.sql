-- Sessions by policy type, and once over all of them.
SELECT policy_type, sum(successful), sum(failed), sum(successful) FILTER (counted), sum(failed) FILTER (counted)
FROM policy
WHERE day BETWEEN $first_day AND $last_day
  AND ($policy_domain IS NULL OR policy_domain = $policy_domain)
  AND ($organisation IS NULL OR organisation_key = $organisation)
  AND ($trust IS NULL OR trust = $trust OR ($trust = 'trusted' AND trust <> 'none'))
  AND coalesce(successful, 0) <= $sessions_max AND coalesce(failed, 0) <= $sessions_max
  AND ($policy_type IS NULL OR policy_type = $policy_type)
GROUP BY policy_type
ORDER BY coalesce(sum(successful), 0) + coalesce(sum(failed), 0) DESC, policy_type
LIMIT 50
