-- Organisations that reported in most of the four periods before the asked one, but not in it. One period starts on each of the
-- days $start_4 (the oldest) to $start_1.
WITH each_organisation AS (
  SELECT organisation_key, arg_max(organisation, day) AS organisation, max(day) AS last_day, count(DISTINCT day) AS days,
         (count(*) FILTER (day >= $start_1) > 0)::INTEGER + (count(*) FILTER (day >= $start_2 AND day < $start_1) > 0)::INTEGER
         + (count(*) FILTER (day >= $start_3 AND day < $start_2) > 0)::INTEGER + (count(*) FILTER (day < $start_3) > 0)::INTEGER AS periods
  FROM report
  WHERE day BETWEEN $start_4 AND $last_day
    AND ($policy_domain IS NULL OR contains(chr(10) || policy_domains || chr(10), chr(10) || $policy_domain || chr(10)))
    AND ($organisation IS NULL OR organisation_key = $organisation)
    AND ($trust IS NULL OR trust = $trust OR ($trust = 'trusted' AND trust <> 'none'))
  GROUP BY organisation_key
  HAVING max(day) < $first_day
)
SELECT organisation_key, organisation, last_day, days, count(*) OVER ()
FROM each_organisation
WHERE periods >= 3
ORDER BY days DESC, organisation_key
LIMIT $rows_max
