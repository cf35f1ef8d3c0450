-- Why the sessions of those pairs failed, with what decides whether the mail was delivered.
WITH listed AS (
  SELECT unnest(string_split($organisations, chr(10))) AS organisation_key, unnest(string_split($domains, chr(10))) AS policy_domain
)
SELECT organisation_key, policy_domain, result_type, policy_type, mode,
       coalesce(sum({{failed_sessions}}) FILTER (day >= $first_day), 0) AS failed,
       coalesce(sum({{failed_sessions}}) FILTER (day < $first_day), 0) AS failed_before
FROM failure SEMI JOIN listed USING (organisation_key, policy_domain)
WHERE day BETWEEN $before_first_day AND $last_day AND {{failures}}
GROUP BY organisation_key, policy_domain, result_type, policy_type, mode
HAVING failed > 0 OR failed_before > 0
QUALIFY row_number() OVER (PARTITION BY organisation_key, policy_domain
                           ORDER BY failed DESC, failed_before DESC, result_type, policy_type, mode NULLS FIRST) <= $causes_max
ORDER BY failed DESC, failed_before DESC, organisation_key, policy_domain, result_type, policy_type, mode NULLS FIRST
