-- By policy domain the last day on which a report that does not count says that sessions succeeded under an MTA-STS policy and none failed.
SELECT policy_domain, max(day)
FROM policy
WHERE day BETWEEN $troubles_first::DATE AND $today::DATE AND policy_type = 'sts' AND successful > 0 AND coalesce(failed, 0) = 0
  AND policy_domain IN (SELECT unnest(string_split($domains, chr(10))))
  AND NOT ({{credible}}) AND {{of_known_report}}
GROUP BY policy_domain
ORDER BY policy_domain
