-- How many reports there are and who sent them: the proof behind a quiet page.
SELECT coalesce(sum(reports), 0)::BIGINT, count(DISTINCT organisation_key), max(last_received_at)
FROM {{sums reports $first_day $last_day}}
