-- Sessions of each sending organisation, or of each policy domain: in the asked range, in the one before it, and failed ones in each of
-- the asked periods, which may begin before both or lie within the range. The course and the name are looked up for those that are listed.
WITH each_key AS (
  SELECT {{key}} AS key,
         coalesce(sum(policies) FILTER (day >= $first_day), 0) > 0 AS reported,
         coalesce(sum({{sum_successful}}) FILTER (day >= $first_day), 0) AS successful,
         coalesce(sum({{sum_failed}}) FILTER (day >= $first_day), 0) AS failed,
         coalesce(sum({{sum_successful}}) FILTER (day < $first_day), 0) AS successful_before,
         coalesce(sum({{sum_failed}}) FILTER (day < $first_day), 0) AS failed_before
  FROM {{rows}}
  GROUP BY key
), listed AS (
  SELECT *, count(*) OVER () AS keys, count(*) FILTER (reported) OVER () AS reporting, count(*) FILTER (failed > 0) OVER () AS failing
  FROM each_key
  WHERE reported OR failed_before > 0
  ORDER BY failed DESC, failed_before DESC, successful DESC, key
  LIMIT $rows_max
), courses AS (
  SELECT key,
         coalesce(sum(failed) FILTER (day >= $recent_first_day), 0) AS failed_recently,
         coalesce(sum(failed) FILTER (day < $previous_first_day), 0) > 0 AS failed_earlier,
         min(day) FILTER (day >= $first_day) AS first_failed,
         max(day) FILTER (day >= $previous_first_day) AS last_failed,
         min(day) FILTER (day >= $recent_first_day) AS first_failed_recently,
         {{periods}} AS periods
  FROM (SELECT {{key}} AS key, day, {{sum_failed}} AS failed FROM {{older_rows}} WHERE {{sum_failed}} > 0)
  WHERE key IN (SELECT key FROM listed)
  GROUP BY key
), names AS (
  {{names}}
)
SELECT key, organisation, successful, failed, successful_before, failed_before, coalesce(failed_recently, 0), coalesce(failed_earlier, false),
       first_failed, last_failed, first_failed_recently, reported, periods, keys, reporting, failing
FROM listed LEFT JOIN courses USING (key) LEFT JOIN names USING (key)
ORDER BY failed DESC, failed_before DESC, successful DESC, key
