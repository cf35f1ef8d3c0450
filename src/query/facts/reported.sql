-- On which days these pairs of policy domain and organisation were reported on at all, as credibly as what failed: one bit a day, the
-- lowest for the first. The second time only where sessions took place under an MTA-STS policy: nothing else shows that it can be fetched.
-- A day with a failure of which the sender did not say how often, or said what nobody can believe, is not one that shows anything to be over.
WITH pairs AS (
  SELECT unnest(string_split($domains, chr(10))) AS policy_domain, unnest(string_split($organisations, chr(10))) AS organisation_key,
         unnest(string_split($credible, chr(10)))::INTEGER AS least
), pending AS (
  SELECT DISTINCT policy_domain, organisation_key, day
  FROM failure
  SEMI JOIN pairs USING (policy_domain, organisation_key)
  WHERE day BETWEEN $troubles_first::DATE AND $today::DATE
    AND (failed_sessions IS NULL OR failed_sessions > $sessions_max)
    AND {{credible}} AND {{of_known_report}}
)
SELECT policy_domain, organisation_key, bit_or(1::UBIGINT << (day - $troubles_first::DATE)::UBIGINT),
       coalesce(bit_or(1::UBIGINT << (day - $troubles_first::DATE)::UBIGINT)
         FILTER (policy_type = 'sts' AND (successful IS NULL OR successful > 0 OR failed > 0)), 0)
FROM policy
JOIN pairs USING (policy_domain, organisation_key)
ANTI JOIN pending USING (policy_domain, organisation_key, day)
WHERE day BETWEEN $troubles_first::DATE AND $today::DATE
  -- What failed on a day is on its way into the sum of that day, whoever said it.
  AND ({{trust_as_number}} >= least OR coalesce(failed, 0) > 0)
  AND {{credible}} AND {{of_known_report}} AND {{outside_maintenance}}
GROUP BY policy_domain, organisation_key
