-- How many reports there are and who sent them: the proof behind a quiet page.
SELECT count(*), count(DISTINCT organisation_key), max(received_at)
FROM report
WHERE {{reports $first_day $last_day}}
