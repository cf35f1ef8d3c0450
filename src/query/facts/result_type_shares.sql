-- Failed sessions of each result type in the window and in the four weeks before.
SELECT result_type,
       sum(failed_sessions) FILTER (day >= $shares_first::DATE), sum(failed_sessions) FILTER (day < $shares_first::DATE),
       min(day) FILTER (day >= $shares_first::DATE), max(day) FILTER (day >= $shares_first::DATE)
FROM failure
WHERE day BETWEEN $baseline_first::DATE AND $today::DATE AND counted AND failed_sessions BETWEEN 1 AND $sessions_max
  AND {{credible}} AND {{of_known_report}} AND {{outside_maintenance}}
GROUP BY result_type
ORDER BY result_type
