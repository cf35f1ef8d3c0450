-- Failed and all sessions in the window and in the four weeks before. `key_column` is put in by the question.
SELECT key_column AS key,
       sum(once_failed) FILTER (day >= first_day_of_shares),
       sum(once_successful + once_failed) FILTER (day >= first_day_of_shares),
       sum(once_failed) FILTER (day < first_day_of_shares),
       sum(once_successful + once_failed) FILTER (day < first_day_of_shares),
       bit_count(bit_or(1::UBIGINT << greatest(day - first_day_of_shares, 0)::UBIGINT) FILTER (day >= first_day_of_shares)),
       min(day) FILTER (day >= first_day_of_shares AND once_failed > 0), max(day) FILTER (day >= first_day_of_shares AND once_failed > 0),
       max(day)
FROM policy
WHERE day BETWEEN first_day_of_baseline AND last_day_of_all
  AND /* credible */ AND /* of a report known then */ AND /* not under maintenance */
GROUP BY key
HAVING max(day) >= first_day_of_shares
ORDER BY key
