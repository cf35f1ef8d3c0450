-- Failed sessions by day, from the reports' summaries, in the order of the calendar.
WITH each_day AS (
  SELECT day, sum(failed) AS failed, count(DISTINCT report) AS reports, count(DISTINCT organisation_key) AS organisations
  FROM policy
  WHERE day BETWEEN $first_day AND $last_day AND failed > 0
    AND ($policy_domain IS NULL OR policy_domain = $policy_domain)
    AND ($organisation IS NULL OR organisation_key = $organisation)
    AND ($trust IS NULL OR trust = $trust OR ($trust = 'trusted' AND trust <> 'none'))
    AND coalesce(successful, 0) <= $sessions_max AND coalesce(failed, 0) <= $sessions_max
    AND (CASE WHEN $policy_type IS NULL THEN counted ELSE policy_type = $policy_type END)
  GROUP BY day
), counted_days AS (
  SELECT *, count(*) OVER () AS days_total, sum(failed) OVER () AS failed_total FROM each_day
)
SELECT strftime(day, '%Y-%m-%d'), failed, NULL::HUGEINT, reports, organisations, day, day, days_total, failed_total
FROM counted_days
WHERE $after_key IS NULL OR day > $after_key::DATE
ORDER BY day
LIMIT $rows_max
