-- The days on which organisations reported on domains without policy-fetch errors (RFC 8460 §4.3.2.2).
WITH failing AS (
  SELECT DISTINCT policy_domain, organisation_key, day
  FROM failure
  WHERE day BETWEEN $first_day AND $last_day AND failed_sessions > 0
    AND result_type IN ('sts-policy-fetch-error', 'sts-policy-invalid', 'sts-webpki-invalid')
    AND ($policy_domain IS NULL OR policy_domain = $policy_domain)
    AND ($organisation IS NULL OR organisation_key = $organisation)
    AND ($trust IS NULL OR trust = $trust OR ($trust = 'trusted' AND trust <> 'none'))
)
SELECT DISTINCT policy_domain, organisation_key, day
FROM policy
WHERE day BETWEEN $first_day AND $last_day
  AND ($policy_domain IS NULL OR policy_domain = $policy_domain)
  AND ($organisation IS NULL OR organisation_key = $organisation)
  AND ($trust IS NULL OR trust = $trust OR ($trust = 'trusted' AND trust <> 'none'))
  AND (policy_domain, organisation_key, day) NOT IN (SELECT (policy_domain, organisation_key, day) FROM failing)
