-- How many reports came within the last 24 hours.
SELECT count(*)
FROM report
WHERE received_at > a_day_ago AND received_at <= at_that_moment AND channel <> 'import' AND /* credible */
