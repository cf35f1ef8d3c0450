-- What was quarantined within the last 24 hours. What gave way to something more credible did nothing wrong.
SELECT count(*) FILTER (code NOT IN ('conflict', 'superseded')), count(*) FILTER (code = 'conflict'),
       max(/* received when */) FILTER (code = 'conflict'),
       string_agg(DISTINCT replace(organisation, chr(10), ' '), chr(10) ORDER BY replace(organisation, chr(10), ' '))
         FILTER (code = 'conflict')
FROM quarantine
WHERE /* received when */ > a_day_ago AND /* received when */ <= at_that_moment AND channel <> 'import' AND /* credible */
