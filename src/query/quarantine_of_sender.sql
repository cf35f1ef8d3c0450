-- Quarantined input of one From domain that has one of these fault codes, last received first.
SELECT uuid
FROM quarantine
WHERE from_domain = $from_domain AND list_contains(string_split($codes, ' '), code)
ORDER BY last_received_at DESC, uuid DESC
LIMIT $rows_max
