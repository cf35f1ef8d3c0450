-- Sessions of each sending organisation, or of each policy domain: in the asked range, in the one before it, and failed ones in each of
-- the asked periods, which may begin before both or lie within the range.
WITH rows_of_days AS (
  SELECT {{key}} AS key, day, {{name}} AS organisation, list_position(['none', 'token', 'import', 'network', 'dkim'], trust) AS credible, {{successful}} AS successful, {{failed}} AS failed
  FROM policy
  WHERE day BETWEEN $oldest_period_day AND $last_day AND {{policies}}
    -- Of the older periods only the failures are shown, and few rows have any.
    AND (day >= $previous_first_day OR {{failed}} > 0)
), each_key AS (
  SELECT key,
         arg_max(organisation, (credible, day, organisation)) FILTER (day >= $previous_first_day AND organisation IS NOT NULL) AS organisation,
         count(*) FILTER (day >= $first_day) > 0 AS reported,
         coalesce(sum(successful) FILTER (day >= $first_day), 0) AS successful,
         coalesce(sum(failed) FILTER (day >= $first_day), 0) AS failed,
         coalesce(sum(successful) FILTER (day >= $previous_first_day AND day < $first_day), 0) AS successful_before,
         coalesce(sum(failed) FILTER (day >= $previous_first_day AND day < $first_day), 0) AS failed_before,
         coalesce(sum(failed) FILTER (day >= $recent_first_day), 0) AS failed_recently,
         coalesce(sum(failed) FILTER (day < $previous_first_day), 0) > 0 AS failed_earlier,
         min(day) FILTER (failed > 0 AND day >= $first_day) AS first_failed,
         max(day) FILTER (failed > 0 AND day >= $previous_first_day) AS last_failed,
         min(day) FILTER (failed > 0 AND day >= $recent_first_day) AS first_failed_recently,
         {{periods}} AS periods
  FROM rows_of_days
  GROUP BY key
)
SELECT key, organisation, successful, failed, successful_before, failed_before, failed_recently, failed_earlier,
       first_failed, last_failed, first_failed_recently, reported, periods,
       count(*) OVER (), count(*) FILTER (reported) OVER (), count(*) FILTER (failed > 0) OVER ()
FROM each_key
WHERE reported OR failed_before > 0
ORDER BY failed DESC, failed_before DESC, successful DESC, key
LIMIT $rows_max
