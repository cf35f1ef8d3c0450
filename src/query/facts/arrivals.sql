-- When a sender's report came last, and on how many of the fourteen days up to then one came.
WITH arrived AS (
  SELECT received_at
  FROM report
  WHERE received_at > sixty_days_ago AND channel <> 'import' AND /* credible */ AND /* known then */
), last AS (
  SELECT max(received_at) AS last_at FROM arrived
)
SELECT max(last_at), count(DISTINCT received_at::DATE) FILTER (received_at > last_at - INTERVAL 14 DAY)
FROM arrived, last
