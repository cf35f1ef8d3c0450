-- The MX hosts that the policies held by senders name, by policy domain. What does not count shows nothing.
SELECT DISTINCT policy_domain, policy_string, mx_hosts
FROM policy
WHERE day BETWEEN $troubles_first::DATE AND $today::DATE AND policy_domain <> '' AND {{credible}}
  AND (mx_hosts <> '' OR policy_string LIKE '%mx:%')
  AND ($domains = '' OR policy_domain IN (SELECT unnest(string_split($domains, chr(10)))))
  AND {{of_known_report}}
ORDER BY policy_domain, policy_string, mx_hosts
LIMIT 50000
