-- The failure details of one report, in its order.
SELECT policy_position, result_type, sending_mta_ip, receiving_mx_hostname, receiving_mx_helo, receiving_ip, failed_sessions,
       additional_information, reason_code, mode, policy_type
FROM failure
WHERE day = $day AND report = $uuid::UUID
ORDER BY policy_position, position
LIMIT 2000
