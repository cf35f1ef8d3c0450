-- The original bytes of one report.
SELECT media_type, content_encoding, element, bytes
FROM raw
WHERE day = $day AND report = $uuid::UUID
