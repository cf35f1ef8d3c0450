-- One quarantined input with its bytes.
SELECT uuid, first_received_at, last_received_at, times, channel, peer, source, trust, code, detail, place, element, report,
       organisation, report_id, media_type, content_encoding, bytes_total, from_domain, dkim_verdict, dkim_domain, dkim_selector, key_secure, token_domains,
       bytes, mailed_at, network_state, network_domain, network_evidence
FROM quarantine
WHERE uuid = $uuid::UUID
