-- How many reports came within the last 24 hours.
SELECT count(*)
FROM report
WHERE received_at > $day_ago::TIMESTAMP AND received_at <= $now::TIMESTAMP AND channel <> 'import' AND {{credible}}
