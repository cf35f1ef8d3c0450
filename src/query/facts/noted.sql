-- Whether anything was ever noted.
SELECT true FROM known_failure LIMIT 1
