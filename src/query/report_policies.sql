-- The policies of one report, in its order.
SELECT position, policy_domain, policy_type, mode, max_age, policy_string, mx_hosts, successful, failed, not_itemised, once_successful, once_failed
FROM policy
WHERE day = $day AND report = $uuid::UUID
ORDER BY position
LIMIT 1000
