-- Sessions with policy-fetch errors (RFC 8460 §4.3.2.2) by domain, organisation and day, newest day first: those pairs of domain
-- and organisation that have most of them in the asked range.
WITH each_day AS (
  SELECT policy_domain, organisation_key, any_value(organisation) AS organisation, result_type, day,
         sum(failed_sessions) AS failed, any_value(reason_code) FILTER (reason_code <> '') AS reason_code
  FROM failure
  WHERE day BETWEEN $oldest_day AND $last_day
    AND result_type IN ('sts-policy-fetch-error', 'sts-policy-invalid', 'sts-webpki-invalid')
    AND ($policy_domain IS NULL OR policy_domain = $policy_domain)
    AND ($organisation IS NULL OR organisation_key = $organisation)
    AND ($trust IS NULL OR trust = $trust OR ($trust = 'trusted' AND trust <> 'none'))
    AND coalesce(failed_sessions, 0) <= $sessions_max
    AND (CASE WHEN $policy_type IS NULL THEN counted ELSE policy_type = $policy_type END)
  GROUP BY policy_domain, organisation_key, result_type, day
), largest AS (
  SELECT policy_domain, organisation_key
  FROM each_day
  WHERE day >= $first_day
  GROUP BY policy_domain, organisation_key
  ORDER BY sum(failed) DESC, policy_domain, organisation_key
  LIMIT $pairs_max
)
SELECT policy_domain, organisation_key, organisation, result_type, day, failed, reason_code
FROM each_day
WHERE (policy_domain, organisation_key) IN (SELECT (policy_domain, organisation_key) FROM largest)
ORDER BY day DESC, policy_domain, organisation_key, result_type
