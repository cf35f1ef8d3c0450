-- Failed sessions by one property. The rows come from the summaries or from the failure details: `source` is put in by the question,
-- as is the order, which is that of the calendar for days.
WITH rows_with_failures AS (
  {{source}}
), each_key AS (
  SELECT key,
         sum(failed) FILTER (day >= $first_day) AS failed,
         coalesce(sum(failed) FILTER (day >= $previous_first_day AND day < $first_day), 0) AS failed_before,
         coalesce(sum(failed) FILTER (day < $previous_first_day), 0) > 0 AS failed_earlier,
         count(DISTINCT report) FILTER (day >= $first_day) AS reports,
         count(DISTINCT organisation_key) FILTER (day >= $first_day) AS organisations,
         min(day) FILTER (day >= $first_day) AS first_day_failed, max(day) FILTER (day >= $first_day) AS last_day_failed
  FROM rows_with_failures
  GROUP BY key
  HAVING sum(failed) FILTER (day >= $first_day) > 0
), counted_keys AS (
  SELECT *, count(*) OVER () AS keys_total, sum(failed) OVER () AS failed_total FROM each_key
)
SELECT key, failed, failed_before, failed_earlier, reports, organisations, first_day_failed, last_day_failed, keys_total, failed_total
FROM counted_keys
WHERE {{after}}
ORDER BY {{order}}
LIMIT $rows_max
