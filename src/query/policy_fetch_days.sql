-- The days on which the same pairs of domain and organisation reported at all, so that a clean day is told from a silent one.
WITH largest AS (
  SELECT policy_domain, organisation_key
  FROM failure
  WHERE day BETWEEN $first_day AND $last_day
    AND result_type IN ('sts-policy-fetch-error', 'sts-policy-invalid', 'sts-webpki-invalid')
    AND ($policy_domain IS NULL OR policy_domain = $policy_domain)
    AND ($organisation IS NULL OR organisation_key = $organisation)
    AND ($trust IS NULL OR trust = $trust OR ($trust = 'trusted' AND trust <> 'none'))
    AND coalesce(failed_sessions, 0) <= $sessions_max
    AND (CASE WHEN $policy_type IS NULL THEN counted ELSE policy_type = $policy_type END)
  GROUP BY policy_domain, organisation_key
  ORDER BY sum(failed_sessions) DESC, policy_domain, organisation_key
  LIMIT $pairs_max
)
SELECT DISTINCT policy_domain, organisation_key, day
FROM policy
WHERE day BETWEEN $oldest_day AND $last_day
  AND policy_domain IN (SELECT policy_domain FROM largest)
  AND organisation_key IN (SELECT organisation_key FROM largest)
  AND (policy_domain, organisation_key) IN (SELECT (policy_domain, organisation_key) FROM largest)
  AND ($trust IS NULL OR trust = $trust OR ($trust = 'trusted' AND trust <> 'none'))
