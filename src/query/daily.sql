-- Sessions by day, from the reports' summaries.
SELECT day, sum(successful), sum(failed), sum(not_itemised)
FROM policy
WHERE day BETWEEN $first_day AND $last_day
  AND ($policy_domain IS NULL OR policy_domain = $policy_domain)
  AND ($organisation IS NULL OR organisation_key = $organisation)
  AND ($trust IS NULL OR trust = $trust OR ($trust = 'trusted' AND trust <> 'none'))
  AND coalesce(successful, 0) <= $sessions_max AND coalesce(failed, 0) <= $sessions_max
  AND (CASE WHEN $policy_type IS NULL THEN counted ELSE policy_type = $policy_type END)
GROUP BY day
ORDER BY day
