-- Sessions of each pair of sending organisation and policy domain that failed in the asked period or in the one before it.
-- Those that failed are found first: they are few, and most pairs never fail.
WITH failing AS (
  SELECT DISTINCT organisation_key, policy_domain
  FROM policy
  WHERE day BETWEEN $before_first_day AND $last_day AND {{policies}} AND {{failed}} > 0
), matching AS (
  SELECT organisation_key, policy_domain, day, {{successful}} AS successful, {{failed}} AS failed, {{not_itemised}} AS not_itemised
  FROM policy SEMI JOIN failing USING (organisation_key, policy_domain)
  WHERE day BETWEEN $before_first_day AND $last_day AND {{policies}}
), each_pair AS (
  SELECT organisation_key, policy_domain,
         coalesce(sum(successful) FILTER (day >= $first_day), 0) AS successful,
         coalesce(sum(failed) FILTER (day >= $first_day), 0) AS failed,
         coalesce(sum(successful) FILTER (day < $first_day), 0) AS successful_before,
         coalesce(sum(failed) FILTER (day < $first_day), 0) AS failed_before,
         coalesce(sum(not_itemised) FILTER (day >= $first_day), 0) AS not_itemised,
         min(day) FILTER (failed > 0 AND day >= $first_day) AS first_failed, max(day) FILTER (failed > 0) AS last_failed,
         count(*) FILTER (day >= $first_day) > 0 AS reported, count(*) FILTER (day < $first_day) > 0 AS reported_before
  FROM matching
  GROUP BY organisation_key, policy_domain
)
SELECT organisation_key, policy_domain, successful, failed, successful_before, failed_before, not_itemised,
       first_failed, last_failed, reported, reported_before,
       count(*) FILTER (failed > 0 AND failed_before = 0) OVER (), count(*) FILTER (failed > 0 AND failed_before > 0) OVER (),
       count(*) FILTER (failed = 0 AND reported) OVER (), count(*) FILTER (failed = 0 AND NOT reported) OVER ()
FROM each_pair
ORDER BY failed DESC, failed_before DESC, organisation_key, policy_domain
LIMIT $rows_max
