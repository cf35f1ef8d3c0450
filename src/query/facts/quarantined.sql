-- What was quarantined within the last 24 hours. What gave way to something more credible did nothing wrong.
SELECT count(*) FILTER (code NOT IN ('conflict', 'superseded')), count(*) FILTER (code = 'conflict'),
       max({{received_when}}) FILTER (code = 'conflict'),
       (SELECT string_agg(DISTINCT organisation_key, chr(10) ORDER BY organisation_key) FROM report
        WHERE uuid IN (SELECT report FROM quarantine
                       WHERE code = 'conflict' AND {{received_when}} > $day_ago::TIMESTAMP AND {{received_when}} <= $now::TIMESTAMP
                         AND channel <> 'import' AND {{credible_trust}}))
FROM quarantine
WHERE {{received_when}} > $day_ago::TIMESTAMP AND {{received_when}} <= $now::TIMESTAMP AND channel <> 'import' AND {{credible_trust}}
