-- Failed sessions by result type, from the failure details; what they do not explain is `not-itemised`.
WITH rows_with_failures AS (
  SELECT result_type AS key, day, report, organisation_key, failed_sessions AS failed
  FROM failure
  WHERE day BETWEEN $previous_first_day AND $last_day AND failed_sessions > 0
    AND ($policy_domain IS NULL OR policy_domain = $policy_domain)
    AND ($organisation IS NULL OR organisation_key = $organisation)
    AND ($trust IS NULL OR trust = $trust OR ($trust = 'trusted' AND trust <> 'none'))
    AND coalesce(failed_sessions, 0) <= $sessions_max
    AND (CASE WHEN $policy_type IS NULL THEN counted ELSE policy_type = $policy_type END)
    AND ($result_type IS NULL OR result_type = $result_type)
    AND ($receiving_mx_hostname IS NULL OR coalesce(receiving_mx_hostname, '') = $receiving_mx_hostname)
    AND ($sending_mta_ip IS NULL OR coalesce(sending_mta_ip, '') = $sending_mta_ip)
  UNION ALL
  SELECT 'not-itemised' AS key, day, report, organisation_key, not_itemised AS failed
  FROM policy
  WHERE day BETWEEN $previous_first_day AND $last_day AND not_itemised > 0 AND NOT $names_a_detail
    AND ($policy_domain IS NULL OR policy_domain = $policy_domain)
    AND ($organisation IS NULL OR organisation_key = $organisation)
    AND ($trust IS NULL OR trust = $trust OR ($trust = 'trusted' AND trust <> 'none'))
    AND coalesce(successful, 0) <= $sessions_max AND coalesce(failed, 0) <= $sessions_max
    AND (CASE WHEN $policy_type IS NULL THEN counted ELSE policy_type = $policy_type END)
), each_key AS (
  SELECT key,
         sum(failed) FILTER (day >= $first_day) AS failed,
         sum(failed) FILTER (day < $first_day) AS failed_before,
         count(DISTINCT report) FILTER (day >= $first_day) AS reports,
         count(DISTINCT organisation_key) FILTER (day >= $first_day) AS organisations,
         min(day) FILTER (day >= $first_day) AS first_day_failed, max(day) FILTER (day >= $first_day) AS last_day_failed
  FROM rows_with_failures
  GROUP BY key
  HAVING sum(failed) FILTER (day >= $first_day) > 0
), counted_keys AS (
  SELECT *, count(*) OVER () AS keys_total, sum(failed) OVER () AS failed_total FROM each_key
)
SELECT key, failed, failed_before, reports, organisations, first_day_failed, last_day_failed, keys_total, failed_total
FROM counted_keys
WHERE $after_key IS NULL OR failed < $after_failed OR (failed = $after_failed AND key > $after_key)
ORDER BY failed DESC, key
LIMIT $rows_max
