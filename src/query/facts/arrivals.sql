-- When a sender's report came last, on how many of the fourteen days up to then one came, and when the last time of more than
-- thirty hours without any ended.
WITH each_hour AS (
  SELECT date_trunc('hour', received_at) AS hour, max(received_at) AS last_at
  FROM report
  WHERE received_at > $sixty_days_ago::TIMESTAMP AND channel <> 'import' AND {{credible}} AND {{known}}
  GROUP BY hour
), with_gaps AS (
  SELECT hour, last_at, max(last_at) OVER () AS last_of_all, hour - lag(hour) OVER (ORDER BY hour) > INTERVAL 30 HOUR AS is_back
  FROM each_hour
)
SELECT max(last_at), count(DISTINCT last_at::DATE) FILTER (last_at > last_of_all - INTERVAL 14 DAY), max(hour) FILTER (is_back)
FROM with_gaps
