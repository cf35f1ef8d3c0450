-- Why sessions failed, for each sending organisation, with what decides whether the mail was delivered.
SELECT organisation_key, result_type, policy_type, mode, sum({{sum_failed_sessions}}) AS failed
FROM {{sums failures $first_day $last_day}}
GROUP BY organisation_key, result_type, policy_type, mode
HAVING failed > 0
QUALIFY row_number() OVER (PARTITION BY organisation_key ORDER BY failed DESC, result_type, policy_type, mode NULLS FIRST) <= $causes_max
ORDER BY failed DESC, organisation_key, result_type, policy_type, mode NULLS FIRST
