-- Which days the store knows at all, for pages that have nothing to show in the asked range.
SELECT min(day), max(day), count(*)
FROM report
WHERE day <= $today
