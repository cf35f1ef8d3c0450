-- Sessions by day, from the reports' summaries.
SELECT day, sum({{successful}}), sum({{failed}}), sum({{not_itemised}})
FROM policy
WHERE day BETWEEN $first_day AND $last_day AND {{policies}}
GROUP BY day
ORDER BY day
