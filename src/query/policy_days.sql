-- What each organisation reported on each day, by policy type, mode and policy as it saw it. Each type counts for itself, so that all details of a
-- policy are its own: rows of `failure` are narrowed as those of `policy` are.
WITH plausible AS (
  SELECT report, policy_position,
         list_contains(string_split($policy_fetch_types, chr(10)), result_type) AS is_fetch,
         {{failed_sessions}} AS sessions
  FROM failure
  WHERE day BETWEEN $first_day AND $last_day AND {{policies}}
), details AS (
  SELECT report AS report_of, policy_position,
         sum(sessions) FILTER (NOT is_fetch) AS validation_sum,
         max(sessions) FILTER (NOT is_fetch) AS validation_max,
         sum(sessions) FILTER (is_fetch) AS fetch_sum
  FROM plausible
  GROUP BY report_of, policy_position
)
SELECT organisation_key, day, policy_type, mode, policy_string,
       sum(CASE WHEN successful BETWEEN 0 AND $sessions_max THEN successful ELSE 0 END),
       sum(CASE WHEN failed BETWEEN 0 AND $sessions_max THEN failed ELSE 0 END),
       sum(validation_sum), sum(validation_max), sum(fetch_sum), sum(not_itemised)
FROM policy LEFT JOIN details ON report_of = report AND policy_position = position
WHERE day BETWEEN $first_day AND $last_day AND {{policies}}
GROUP BY organisation_key, day, policy_type, mode, policy_string
ORDER BY day DESC, organisation_key, policy_type, mode, policy_string
LIMIT $rows_max
