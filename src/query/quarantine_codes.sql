-- How much input that came last in these days is kept but not counted, by fault code.
SELECT code, count(*) AS inputs, sum(inputs) OVER ()
FROM quarantine
WHERE last_received_at >= $first_day::DATE AND last_received_at < $last_day::DATE + 1
GROUP BY code
ORDER BY inputs DESC, code
LIMIT $rows_max
