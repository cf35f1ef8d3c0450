-- Reports of the same name that stand beside one.
SELECT uuid, organisation_key, trust
FROM report
WHERE day = $day AND report_id = $report_id AND uuid <> $uuid::UUID
  AND coalesce(identity, uuid) = (SELECT coalesce(identity, uuid) FROM report WHERE day = $day AND uuid = $uuid::UUID LIMIT 1)
ORDER BY organisation_key, uuid
LIMIT 20
