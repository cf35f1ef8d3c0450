-- Sessions by policy type, each type for itself, and once over all of them.
SELECT policy_type, sum(successful), sum(failed),
       sum(sum({{sum_successful}})) OVER (), sum(sum({{sum_failed}})) OVER (), count(*) OVER ()
FROM {{sums day $first_day $last_day}}
GROUP BY policy_type
ORDER BY sum(successful) + sum(failed) DESC, policy_type
LIMIT $rows_max
