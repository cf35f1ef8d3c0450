-- On which days these pairs of policy domain and organisation were reported on at all: one bit a day, the lowest for the first.
WITH pairs AS (
  SELECT unnest(string_split($domains, chr(10))) AS policy_domain, unnest(string_split($organisations, chr(10))) AS organisation_key
)
SELECT policy_domain, organisation_key, bit_or(1::UBIGINT << (day - first_day_of_troubles)::UBIGINT)
FROM policy
SEMI JOIN pairs USING (policy_domain, organisation_key)
WHERE day BETWEEN first_day_of_troubles AND last_day_of_all
  AND /* credible */ AND /* of a report known then */ AND /* not under maintenance */
GROUP BY policy_domain, organisation_key
