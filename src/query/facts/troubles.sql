-- Failed sessions by policy domain, organisation, result type and day: of the result types that have rules of their own, of
-- those that began within these days, and of those whose alert still fires. What was noted before is put in by the question.
WITH each_day AS (
  SELECT policy_domain, organisation_key, result_type,
         CASE WHEN list_contains(string_split($certificate_types, chr(10)), result_type)
              THEN lower(rtrim(receiving_mx_hostname, '.')) END AS mx_host,
         day, sum(failed_sessions) AS failed,
         min(reason_code) FILTER (reason_code <> '') AS reason_code,
         arg_max(lower(rtrim(receiving_mx_hostname, '.')), failed_sessions) FILTER (receiving_mx_hostname <> '') AS most_host,
         min(lower(rtrim(receiving_mx_hostname, '.'))) FILTER (receiving_mx_hostname <> '') AS first_host,
         max(lower(rtrim(receiving_mx_hostname, '.'))) FILTER (receiving_mx_hostname <> '') AS last_host,
         bit_or((CASE policy_type WHEN 'sts' THEN (CASE mode WHEN 'enforce' THEN 1 WHEN 'testing' THEN 2 WHEN 'none' THEN 4 ELSE 8 END)
                 WHEN 'tlsa' THEN 16 WHEN 'no-policy-found' THEN 32 ELSE 64 END)::UBIGINT) AS applied,
         max({{trust_as_number}}) AS credible
  FROM failure
  WHERE day BETWEEN $troubles_first::DATE AND $today::DATE AND counted AND policy_domain <> ''
    AND failed_sessions BETWEEN 1 AND $sessions_max
    AND {{credible}} AND {{of_known_report}} AND {{outside_maintenance}}
  GROUP BY ALL
), noted AS (
  {{noted_before}}
)
SELECT each_day.policy_domain, each_day.organisation_key, each_day.result_type, mx_host, day, failed, reason_code,
       noted.first_day IS NULL, most_host, first_host, last_host, applied, credible
FROM each_day
LEFT JOIN noted ON noted.policy_domain = each_day.policy_domain AND noted.organisation_key = each_day.organisation_key
  AND noted.result_type = each_day.result_type
WHERE list_contains(string_split($own_rule_types, chr(10)), each_day.result_type)
   OR noted.first_day IS NULL OR noted.first_day >= $troubles_first::DATE OR {{news_notified}}
ORDER BY each_day.policy_domain, each_day.organisation_key, each_day.result_type, mx_host, day
