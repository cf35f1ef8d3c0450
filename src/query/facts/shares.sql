-- Failed and all sessions in the window and in the four weeks before. `{{key}}` is put in by the question. Nobody's number outweighs all others:
-- of an organisation that is not a known reporter no more sessions count than of all others together but the largest of its kind, so that two who
-- agree do not carry each other; of all newcomers together no more than of all others, and alone none. The one whose own share is the largest
-- stands beside the sums.
WITH each_organisation AS (
  SELECT {{key}} AS key, organisation_key,
         coalesce(sum(once_failed) FILTER (day >= $shares_first::DATE), 0)::DOUBLE AS failed,
         coalesce(sum(once_successful + once_failed) FILTER (day >= $shares_first::DATE), 0)::DOUBLE AS sessions,
         coalesce(sum(once_failed) FILTER (day < $shares_first::DATE), 0)::DOUBLE AS failed_before,
         coalesce(sum(once_successful + once_failed) FILTER (day < $shares_first::DATE), 0)::DOUBLE AS sessions_before,
         coalesce(bit_or(1::UBIGINT << greatest(day - $shares_first::DATE, 0)::UBIGINT) FILTER (day >= $shares_first::DATE), 0::UBIGINT) AS days,
         min(day) FILTER (day >= $shares_first::DATE AND once_failed > 0) AS first_failed,
         max(day) FILTER (day >= $shares_first::DATE AND once_failed > 0) AS last_failed,
         max(day) AS last_day
  FROM policy
  WHERE day BETWEEN $baseline_first::DATE AND $today::DATE
    AND {{credible}} AND {{of_known_report}} AND {{outside_maintenance}}
  GROUP BY key, organisation_key
), counted AS (
  SELECT *, organisation_key IN (SELECT unnest(string_split($known, chr(10)))) AS is_known,
         organisation_key IN (SELECT unnest(string_split($newcomers, chr(10)))) AS is_new
  FROM each_organisation
), others AS (
  SELECT *,
         sum(sessions) FILTER (NOT is_new) OVER besides - coalesce(max(sessions) FILTER (NOT is_new AND NOT is_known) OVER besides, 0) AS others,
         sum(sessions_before) FILTER (NOT is_new) OVER besides
           - coalesce(max(sessions_before) FILTER (NOT is_new AND NOT is_known) OVER besides, 0) AS others_before
  FROM counted
  WINDOW besides AS (PARTITION BY key ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW)
), established AS (
  SELECT *,
         CASE WHEN is_new THEN 0 WHEN is_known OR sessions <= others OR coalesce(others, 0) <= 0 THEN 1 ELSE others / sessions END AS own,
         CASE WHEN is_new THEN 0 WHEN is_known OR sessions_before <= others_before OR coalesce(others_before, 0) <= 0 THEN 1
              ELSE others_before / sessions_before END AS own_before
  FROM others
), weighed AS (
  SELECT *,
         CASE WHEN is_new THEN least(1, sum(sessions * own) OVER of_key / greatest(sum(sessions) FILTER (is_new) OVER of_key, 1)) ELSE own END AS weight,
         CASE WHEN is_new THEN least(1, sum(sessions_before * own_before) OVER of_key / greatest(sum(sessions_before) FILTER (is_new) OVER of_key, 1))
              ELSE own_before END AS weight_before,
         row_number() OVER (PARTITION BY key ORDER BY is_new OR sessions < $sessions_min, failed / greatest(sessions, 1) DESC, organisation_key) = 1
           AND NOT is_new AND sessions >= $sessions_min AS is_worst
  FROM established
  WINDOW of_key AS (PARTITION BY key)
)
SELECT key,
       round(sum(failed * weight))::HUGEINT, round(sum(sessions * weight))::HUGEINT,
       round(sum(failed_before * weight_before))::HUGEINT, round(sum(sessions_before * weight_before))::HUGEINT,
       bit_count(bit_or(days)), min(first_failed), max(last_failed),
       -- What is over is over by a day that somebody reported on whom time or the registry proved.
       coalesce(max(last_day) FILTER (is_known), max(last_day) FILTER (NOT is_new), max(last_day)),
       max(organisation_key) FILTER (is_worst),
       round(coalesce(sum(failed) FILTER (is_worst), 0))::HUGEINT, round(coalesce(sum(sessions) FILTER (is_worst), 0))::HUGEINT
FROM weighed
GROUP BY key
HAVING max(last_day) >= $shares_first::DATE
ORDER BY key
