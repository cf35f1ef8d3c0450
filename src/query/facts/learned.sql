-- Of how many days any report is stored.
SELECT count(DISTINCT day) FROM report WHERE day <= $today::DATE AND {{credible}} AND {{known}}
