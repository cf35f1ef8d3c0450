-- The original bytes of one report.
SELECT media_type, content_encoding, element, bytes,
       (SELECT channel FROM report WHERE day = $day AND uuid = $uuid::UUID LIMIT 1)
FROM raw
WHERE day = $day AND report = $uuid::UUID
