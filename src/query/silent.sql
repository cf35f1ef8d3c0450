-- Organisations that reported in most of the four periods before the asked one, but not in it. One period starts on each of the
-- days $start_4 (the oldest) to $start_1.
WITH each_organisation AS (
  SELECT organisation_key, max(day) AS last_day, count(DISTINCT day) AS days,
         (count(*) FILTER (day >= $start_1) > 0)::INTEGER + (count(*) FILTER (day >= $start_2 AND day < $start_1) > 0)::INTEGER
         + (count(*) FILTER (day >= $start_3 AND day < $start_2) > 0)::INTEGER + (count(*) FILTER (day < $start_3) > 0)::INTEGER AS periods
  FROM {{sums reports $start_4 $last_day}}
  GROUP BY organisation_key
  HAVING max(day) < $first_day
)
SELECT organisation_key, last_day, days, count(*) OVER ()
FROM each_organisation
WHERE periods >= 3
ORDER BY days DESC, organisation_key
LIMIT $rows_max
