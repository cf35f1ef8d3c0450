-- Failed sessions of each result type in the window and in the four weeks before.
SELECT result_type,
       sum(failed_sessions) FILTER (day >= first_day_of_shares), sum(failed_sessions) FILTER (day < first_day_of_shares),
       min(day) FILTER (day >= first_day_of_shares), max(day) FILTER (day >= first_day_of_shares)
FROM failure
WHERE day BETWEEN first_day_of_baseline AND last_day_of_all AND counted AND failed_sessions BETWEEN 1 AND $sessions_max
  AND /* credible */ AND /* of a report known then */ AND /* not under maintenance */
GROUP BY result_type
ORDER BY result_type
