-- Proven signers with how long they have reported, and what the operator decided about them. Known reporters are sorted out by the question.
WITH decided AS (
  SELECT organisation_key, arg_max(accepted, decided_at) AS accepted FROM sender_decision GROUP BY organisation_key
), each_organisation AS (
  SELECT organisation_key, arg_max(organisation, received_at) AS says, count(*) AS reports, count(DISTINCT day) AS days,
         min(CASE WHEN channel = 'import' THEN coalesce(mailed_at, range_end + INTERVAL 1 DAY) ELSE received_at END) AS first_at,
         max(CASE WHEN channel = 'import' THEN coalesce(mailed_at, range_end + INTERVAL 1 DAY) ELSE received_at END) AS last_at,
         max(day) AS last_day
  FROM report
  WHERE day BETWEEN $today::DATE - INTERVAL 60 DAY AND $today::DATE AND trust IN ('network', 'dkim')
  GROUP BY organisation_key
), counted AS (
  SELECT *, days >= 7 AND last_at - first_at >= INTERVAL 6 DAY AS established FROM each_organisation LEFT JOIN decided USING (organisation_key)
)
SELECT organisation_key, says, reports, days, first_at, last_at, last_day, accepted, established, count(*) OVER ()
FROM counted
WHERE NOT established OR accepted IS NOT NULL
ORDER BY accepted IS NOT NULL, first_at DESC, organisation_key
LIMIT $rows_max
