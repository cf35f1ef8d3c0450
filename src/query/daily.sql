-- Sessions by day, from the reports' summaries.
SELECT day, sum({{sum_successful}}), sum({{sum_failed}}), sum({{sum_not_itemised}})
FROM {{sums day $first_day $last_day}}
GROUP BY day
ORDER BY day
