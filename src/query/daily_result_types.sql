-- Failed sessions by day and result type, from the failure details. Senders choose result types freely: beyond the
-- twelve largest they are one row without a name.
WITH each_type AS (
  SELECT day, result_type, sum({{sum_failed_sessions}}) AS failed
  FROM {{sums failures $first_day $last_day}}
  GROUP BY day, result_type
), largest AS (
  SELECT result_type FROM each_type GROUP BY result_type ORDER BY sum(failed) DESC, result_type LIMIT 12
)
SELECT day, CASE WHEN result_type IN (SELECT result_type FROM largest) THEN result_type END AS shown, sum(failed)
FROM each_type
GROUP BY day, shown
HAVING sum(failed) > 0
ORDER BY day, shown
