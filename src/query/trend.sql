-- Sessions by policy type and day over several periods, and once over all types. Senders choose policy types freely: those with
-- the most sessions have a row of their own, the others count only in the sum over all, under the empty name.
WITH each_day AS (
  SELECT policy_type, day, sum(successful) AS successful, sum(failed) AS failed,
         sum({{sum_successful}}) AS successful_once, sum({{sum_failed}}) AS failed_once
  FROM {{sums day $oldest_first_day $last_day}}
  GROUP BY policy_type, day
), largest AS (
  SELECT policy_type FROM each_day
  GROUP BY policy_type
  ORDER BY sum(successful + failed) DESC, policy_type
  LIMIT $policy_types_max
)
SELECT CASE WHEN policy_type IN (SELECT policy_type FROM largest) THEN policy_type ELSE '' END AS name, day,
       sum(successful), sum(failed), sum(successful_once), sum(failed_once)
FROM each_day
GROUP BY name, day
ORDER BY name, day
