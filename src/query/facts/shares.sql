-- Failed and all sessions in the window and in the four weeks before. `key_column` is put in by the question. Nobody's number outweighs all others:
-- of an organisation that is not a known reporter no more sessions count than of all others together, newcomers not among these, and of a
-- newcomer alone none. The one whose own share is the largest stands beside the sums.
WITH each_organisation AS (
  SELECT key_column AS key, organisation_key,
         coalesce(sum(once_failed) FILTER (day >= first_day_of_shares), 0)::DOUBLE AS failed,
         coalesce(sum(once_successful + once_failed) FILTER (day >= first_day_of_shares), 0)::DOUBLE AS sessions,
         coalesce(sum(once_failed) FILTER (day < first_day_of_shares), 0)::DOUBLE AS failed_before,
         coalesce(sum(once_successful + once_failed) FILTER (day < first_day_of_shares), 0)::DOUBLE AS sessions_before,
         coalesce(bit_or(1::UBIGINT << greatest(day - first_day_of_shares, 0)::UBIGINT) FILTER (day >= first_day_of_shares), 0::UBIGINT) AS days,
         min(day) FILTER (day >= first_day_of_shares AND once_failed > 0) AS first_failed,
         max(day) FILTER (day >= first_day_of_shares AND once_failed > 0) AS last_failed,
         max(day) AS last_day
  FROM policy
  WHERE day BETWEEN first_day_of_baseline AND last_day_of_all
    AND /* credible */ AND /* of a report known then */ AND /* not under maintenance */
  GROUP BY key, organisation_key
), told AS (
  SELECT *, organisation_key IN (SELECT unnest(string_split($known, chr(10)))) AS is_known,
         organisation_key IN (SELECT unnest(string_split($newcomers, chr(10)))) AS is_new
  FROM each_organisation
), others AS (
  SELECT *,
         sum(CASE WHEN is_new THEN 0 ELSE sessions END) OVER (PARTITION BY key) - (CASE WHEN is_new THEN 0 ELSE sessions END) AS others,
         sum(CASE WHEN is_new THEN 0 ELSE sessions_before END) OVER (PARTITION BY key) - (CASE WHEN is_new THEN 0 ELSE sessions_before END) AS others_before
  FROM told
), weighed AS (
  SELECT *,
         CASE WHEN is_known OR sessions <= others THEN 1 WHEN others > 0 THEN others / sessions WHEN is_new THEN 0 ELSE 1 END AS weight,
         CASE WHEN is_known OR sessions_before <= others_before THEN 1 WHEN others_before > 0 THEN others_before / sessions_before
              WHEN is_new THEN 0 ELSE 1 END AS weight_before,
         row_number() OVER (PARTITION BY key ORDER BY is_new OR sessions < $sessions_min, failed / greatest(sessions, 1) DESC, organisation_key) = 1
           AND NOT is_new AND sessions >= $sessions_min AS is_worst
  FROM others
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
HAVING max(last_day) >= first_day_of_shares
ORDER BY key
