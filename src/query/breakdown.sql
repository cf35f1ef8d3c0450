-- Sessions of each sending organisation, or of each policy domain, in the asked period (0) and the seven before it.
-- `key_column` is one of the two columns, put in by the question, and `name_column` what the key is called.
WITH each_period AS (
  SELECT key_column AS key, ($last_day - day) // $days AS period,
         any_value(name_column) AS organisation,
         sum(successful) AS successful, sum(failed) AS failed,
         min(day) FILTER (failed > 0) AS first_failed, max(day) FILTER (failed > 0) AS last_failed
  FROM policy
  WHERE day BETWEEN $oldest_day AND $last_day
    -- Of the older periods only the failures are shown, and few rows have any.
    AND (day >= $previous_first_day OR failed > 0)
    AND ($policy_domain IS NULL OR policy_domain = $policy_domain)
    AND ($organisation IS NULL OR organisation_key = $organisation)
    AND ($trust IS NULL OR trust = $trust OR ($trust = 'trusted' AND trust <> 'none'))
    AND coalesce(successful, 0) <= $sessions_max AND coalesce(failed, 0) <= $sessions_max
    AND (CASE WHEN $policy_type IS NULL THEN counted ELSE policy_type = $policy_type END)
  GROUP BY key_column, period
), each_key AS (
  SELECT key, arg_min(organisation, period) AS organisation,
         count(*) FILTER (period = 0) > 0 AS reported,
         coalesce(sum(successful) FILTER (period = 0), 0) AS successful,
         coalesce(sum(failed) FILTER (period = 0), 0) AS failed,
         coalesce(sum(successful) FILTER (period = 1), 0) AS successful_before,
         coalesce(sum(failed) FILTER (period = 1), 0) AS failed_before,
         coalesce(sum(failed) FILTER (period = 2), 0) AS failed_2, coalesce(sum(failed) FILTER (period = 3), 0) AS failed_3,
         coalesce(sum(failed) FILTER (period = 4), 0) AS failed_4, coalesce(sum(failed) FILTER (period = 5), 0) AS failed_5,
         coalesce(sum(failed) FILTER (period = 6), 0) AS failed_6, coalesce(sum(failed) FILTER (period = 7), 0) AS failed_7,
         min(first_failed) FILTER (period = 0) AS first_failed, max(last_failed) FILTER (period <= 1) AS last_failed
  FROM each_period
  GROUP BY key
)
SELECT key, organisation, successful, failed, successful_before, failed_before,
       failed_2, failed_3, failed_4, failed_5, failed_6, failed_7, first_failed, last_failed,
       count(*) FILTER (reported) OVER (), count(*) FILTER (failed > 0) OVER (), reported
FROM each_key
WHERE reported OR failed_before > 0
ORDER BY failed DESC, failed_before DESC, successful DESC, key
LIMIT $rows_max
