-- What was quarantined within the last 24 hours. What gave way to something more credible did nothing wrong.
SELECT count(*) FILTER (code NOT IN ('conflict', 'superseded')), count(*) FILTER (code = 'conflict'),
       max(/* received when */) FILTER (code = 'conflict'),
       (SELECT string_agg(DISTINCT organisation_key, chr(10) ORDER BY organisation_key) FROM report
        WHERE uuid IN (SELECT report FROM quarantine
                       WHERE code = 'conflict' AND /* received when */ > a_day_ago AND /* received when */ <= at_that_moment
                         AND channel <> 'import' AND /* credible trust */))
FROM quarantine
WHERE /* received when */ > a_day_ago AND /* received when */ <= at_that_moment AND channel <> 'import' AND /* credible trust */
