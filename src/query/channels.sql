SELECT
    channel,
    count(*) FILTER (state = 'pending') AS pending,
    count(*) FILTER (state = 'given-up') AS given_up,
    max(settled_at) FILTER (state = 'delivered') AS delivered_at,
    max(settled_at) FILTER (state = 'given-up') AS given_up_at,
    min(created_at) FILTER (state = 'pending' AND attempts > 0) AS failing_since,
    arg_max(last_error, next_attempt_at) FILTER (state <> 'delivered' AND last_error IS NOT NULL) AS last_error
FROM outbox
GROUP BY channel
ORDER BY channel
