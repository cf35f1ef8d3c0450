-- Organisations that report daily, and whether they have reported on one day already.
WITH each_organisation AS (
  SELECT organisation_key, arg_max(organisation, day) AS organisation, count(*) FILTER (day = $day) > 0 AS reported
  FROM report
  WHERE day BETWEEN $usual_first_day AND $day
    AND ($policy_domain IS NULL OR contains(chr(10) || policy_domains || chr(10), chr(10) || $policy_domain || chr(10)))
    AND ($organisation IS NULL OR organisation_key = $organisation)
    AND ($trust IS NULL OR trust = $trust OR ($trust = 'trusted' AND trust <> 'none'))
  GROUP BY organisation_key
  HAVING count(DISTINCT day) FILTER (day < $day) >= $usual_days_min
)
SELECT organisation_key, organisation, reported, count(*) OVER (), count(*) FILTER (reported) OVER ()
FROM each_organisation
ORDER BY reported, organisation_key
LIMIT $rows_max
