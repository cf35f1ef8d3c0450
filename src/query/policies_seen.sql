-- Policies as senders saw them in the asked period and the one before, of the domains where something may have changed. Senders
-- differ in order, case and white space, so that the normal form is compared: one element a line, sorted.
WITH variants AS (
  SELECT policy_domain, policy_type, policy_string, bool_or(day >= $first_day) AS now, bool_or(day < $first_day) AS before
  FROM policy
  WHERE day BETWEEN $before_first_day AND $last_day
    AND {{policies}}
  GROUP BY policy_domain, policy_type, policy_string
), normal AS (
  SELECT *, CASE WHEN policy_type = 'no-policy-found' THEN '' ELSE array_to_string(list_sort(list_distinct(
           [lower(trim(regexp_replace(replace(element, ':', ': '), '\s+', ' ', 'g')))
            FOR element IN string_split(policy_string, chr(10)) IF trim(element) <> ''])), chr(10)) END AS normal_string
  FROM variants
), changed AS (
  SELECT DISTINCT policy_domain
  FROM (SELECT policy_domain FROM normal GROUP BY policy_domain, policy_type, normal_string HAVING bool_or(now) <> bool_or(before))
), strings AS (
  SELECT DISTINCT policy_type, policy_string, normal_string FROM normal WHERE policy_domain IN (SELECT policy_domain FROM changed)
)
SELECT policy.policy_domain, policy.policy_type, strings.normal_string, policy.day >= $first_day AS now, organisation_key,
       min(policy.day), max(policy.day)
FROM policy JOIN strings USING (policy_type, policy_string)
WHERE policy.day BETWEEN $before_first_day AND $last_day
  AND policy_domain IN (SELECT policy_domain FROM changed)
  AND {{policies}}
GROUP BY policy.policy_domain, policy.policy_type, strings.normal_string, now, organisation_key
ORDER BY policy.policy_domain, policy.policy_type, strings.normal_string, now, organisation_key
LIMIT $rows_max
