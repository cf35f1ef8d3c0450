-- Which days the store knows at all, for pages that have nothing to show in the asked range.
SELECT min(day), max(day), coalesce(sum(reports), 0)::BIGINT
FROM (
  SELECT day, reports FROM day_report WHERE day NOT IN (FROM day_pending)
  UNION ALL
  SELECT day, 1 FROM report WHERE day IN (FROM day_pending)
)
WHERE day <= $today
