-- The report days of each organisation, one bit a day, the lowest for the first; the seconds from the end of the range to the
-- arrival of a day's first report, in nine of ten cases; and whether it has reported about seven days over seven days of arrival.
WITH each_day AS (
  SELECT organisation_key, day,
         min(date_diff('second', range_end, received_at)) FILTER (channel <> 'import') AS lateness_s,
         min({{arrived_at}}) AS first_at, max({{arrived_at}}) AS last_at
  FROM report
  WHERE day BETWEEN $rhythm_first::DATE AND $today::DATE AND {{credible}} AND {{known}}
  GROUP BY organisation_key, day
)
SELECT organisation_key, bit_or(1::UBIGINT << (day - $rhythm_first::DATE)::UBIGINT),
       quantile_disc(lateness_s, 0.9),
       count(*) >= 7 AND max(last_at) - min(first_at) >= INTERVAL 6 DAY,
       organisation_key IN (SELECT organisation_key FROM sender_decision WHERE accepted)
FROM each_day
GROUP BY organisation_key
ORDER BY organisation_key
