-- Input that is kept but not counted, last received first. Without the bytes.
WITH matching AS (
  SELECT *
  FROM quarantine
  WHERE ($from_day IS NULL OR last_received_at >= $from_day::DATE)
    AND ($to_day IS NULL OR last_received_at < $to_day::DATE + 1)
    AND {{trust}}
    AND ($organisation IS NULL OR organisation = $organisation)
    AND ($code IS NULL OR code = $code)
)
SELECT uuid, first_received_at, last_received_at, times, channel, peer, source, trust, code, detail, place, element, report,
       organisation, report_id, media_type, content_encoding, bytes_total, from_domain, dkim_verdict, dkim_domain, dkim_selector, key_secure, (SELECT count(*) FROM matching)
FROM matching
WHERE ($after_received_at IS NULL OR last_received_at < $after_received_at
       OR (last_received_at = $after_received_at AND uuid < $after_uuid::UUID))
ORDER BY last_received_at DESC, uuid DESC
LIMIT $rows_max
