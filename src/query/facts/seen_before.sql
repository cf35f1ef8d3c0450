-- What was seen to fail at these policy domains before the days that are looked at.
SELECT DISTINCT policy_domain, organisation_key, result_type
FROM failure
WHERE day < $troubles_first::DATE AND policy_domain IN (SELECT unnest(string_split($domains, chr(10))))
  AND failed_sessions BETWEEN 1 AND $sessions_max AND {{credible}}
