-- Runs of days with a policy-fetch error (RFC 8460 §4.3.2.2), for each policy domain, organisation and result type: a day on which the
-- organisation reported on the domain without that error ends one. Days after the asked range only tell whether a run is over.
WITH failing AS (
  SELECT policy_domain, organisation_key, result_type, day, sum({{failed_sessions}}) AS failed,
         min(reason_code) FILTER (reason_code <> '') AS reason_code, max({{credible}}) AS credible
  FROM failure
  WHERE day BETWEEN $oldest_failing_day AND $later_day AND {{failures}}
    AND list_contains(string_split($policy_fetch_types, chr(10)), result_type)
    -- How often is not always said; that it happened is.
    AND (failed_sessions IS NULL OR failed_sessions <> 0)
  GROUP BY policy_domain, organisation_key, result_type, day
), troubles AS (
  SELECT policy_domain, organisation_key, result_type, max(credible) AS credible
  FROM failing
  WHERE day BETWEEN $seen_from AND $last_day
  GROUP BY policy_domain, organisation_key, result_type
), pairs AS (
  SELECT DISTINCT policy_domain, organisation_key FROM troubles
), heard AS (
  SELECT policy_domain, organisation_key, day, max({{credible}}) AS credible
  FROM policy SEMI JOIN pairs USING (policy_domain, organisation_key)
  WHERE day BETWEEN $oldest_failing_day AND $later_day AND {{policies}}
  GROUP BY policy_domain, organisation_key, day
), clean AS (
  SELECT policy_domain, organisation_key, result_type, heard.day
  FROM troubles JOIN heard USING (policy_domain, organisation_key)
  ANTI JOIN failing USING (policy_domain, organisation_key, result_type, day)
  -- Nothing less credible than what failed shows that it is over.
  WHERE heard.credible >= troubles.credible
), failing_until AS (
  -- Failing days that the same clean day ends are one run.
  SELECT failing.*, clean.day AS recovered
  FROM (SELECT * FROM failing SEMI JOIN troubles USING (policy_domain, organisation_key, result_type)) AS failing
  ASOF LEFT JOIN clean
    ON clean.policy_domain = failing.policy_domain AND clean.organisation_key = failing.organisation_key
    AND clean.result_type = failing.result_type AND clean.day > failing.day
), outages AS (
  SELECT policy_domain, organisation_key, result_type, recovered,
         min(day) AS since,
         max(day) FILTER (day <= $last_day) AS until,
         coalesce(sum(failed) FILTER (day BETWEEN $first_day AND $last_day), 0) AS failed,
         min(reason_code) FILTER (day <= $last_day) AS reason_code,
         string_agg(day || ' ' || failed, chr(10) ORDER BY day) FILTER (day <= $last_day) AS failing_days
  FROM failing_until
  GROUP BY policy_domain, organisation_key, result_type, recovered
), seen AS (
  SELECT * FROM outages
  WHERE since <= $last_day AND until >= $seen_from AND (until >= $first_day OR recovered IS NULL OR recovered >= $first_day)
), totals AS (
  SELECT count(*) AS outages, count(DISTINCT policy_domain) AS domains,
         count(DISTINCT policy_domain) FILTER (recovered IS NULL) AS domains_ongoing, count(DISTINCT organisation_key) AS organisations
  FROM seen
)
SELECT policy_domain, organisation_key, result_type, reason_code, since, until, failed, recovered, failing_days,
       totals.outages, totals.domains, totals.domains_ongoing, totals.organisations
FROM seen, totals
ORDER BY recovered IS NULL DESC, failed DESC, policy_domain, organisation_key, result_type, since
LIMIT $rows_max
