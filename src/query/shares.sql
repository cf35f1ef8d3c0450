-- Sessions by policy type, each type for itself, and once over all of them.
SELECT policy_type, sum({{all_successful}}), sum({{all_failed}}),
       sum(sum({{successful}})) OVER (), sum(sum({{failed}})) OVER (), count(*) OVER ()
FROM policy
WHERE day BETWEEN $first_day AND $last_day AND {{policies}}
GROUP BY policy_type
ORDER BY sum({{all_successful}}) + sum({{all_failed}}) DESC, policy_type
LIMIT $rows_max
