-- Organisations that report daily, as the days from $usual_first_day to $usual_last_day have it, and whether they have reported on one day already.
WITH matching AS (
  SELECT organisation_key, day
  FROM {{sums reports $usual_first_day $day}}
), known AS (
  -- Days from the first report on: a young store is held against as many days as it knows.
  SELECT $usual_last_day - min(day) + 1 AS days FROM matching WHERE day <= $usual_last_day
), each_organisation AS (
  SELECT organisation_key,
         count(*) FILTER (day = $day) > 0 AS reported, max(day) AS last_day,
         count(DISTINCT day) FILTER (day <= $usual_last_day) AS usual_days
  FROM matching
  GROUP BY organisation_key
)
SELECT organisation_key, reported, last_day, count(*) OVER (), count(*) FILTER (reported) OVER ()
FROM each_organisation, known
WHERE known.days >= $known_days_min AND usual_days >= ceil(known.days * 11 / 14)
ORDER BY reported, last_day, organisation_key
LIMIT $rows_max
