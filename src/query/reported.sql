-- How many reports there are and who sent them: the proof behind a quiet page.
SELECT count(*), count(DISTINCT organisation_key), max(received_at)
FROM report
WHERE day BETWEEN $first_day AND $last_day
  AND ($policy_domain IS NULL OR contains(chr(10) || policy_domains || chr(10), chr(10) || $policy_domain || chr(10)))
  AND ($organisation IS NULL OR organisation_key = $organisation)
  AND ($trust IS NULL OR trust = $trust OR ($trust = 'trusted' AND trust <> 'none'))
