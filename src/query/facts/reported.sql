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
  WHERE day BETWEEN first_day_of_troubles AND last_day_of_all
    AND (failed_sessions IS NULL OR failed_sessions > $sessions_max)
    AND /* credible */ AND /* of a report known then */
)
SELECT policy_domain, organisation_key, bit_or(1::UBIGINT << (day - first_day_of_troubles)::UBIGINT),
       coalesce(bit_or(1::UBIGINT << (day - first_day_of_troubles)::UBIGINT)
         FILTER (policy_type = 'sts' AND (successful IS NULL OR successful > 0 OR failed > 0)), 0)
FROM policy
JOIN pairs USING (policy_domain, organisation_key)
ANTI JOIN pending USING (policy_domain, organisation_key, day)
WHERE day BETWEEN first_day_of_troubles AND last_day_of_all
  -- What failed on a day is on its way into the sum of that day, whoever said it.
  AND (/* trust as a number */ >= least OR coalesce(failed, 0) > 0)
  AND /* credible */ AND /* of a report known then */ AND /* not under maintenance */
GROUP BY policy_domain, organisation_key
