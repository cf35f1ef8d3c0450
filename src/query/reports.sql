-- Reports, newest day first, with the sessions of their policies that match. Further conditions are put in where the filter asks for them, so that the
-- plain list reads one table.
WITH matching AS (
  SELECT *
  FROM report
  WHERE {{reports $first_day $last_day}}
    AND ($deviation IS NULL OR contains(chr(10) || deviations, chr(10) || $deviation || ' '))
    {{only_failed}}
    {{of_these_failures}}
), page AS (
  SELECT *
  FROM matching
  WHERE $after_day IS NULL OR day < $after_day OR (day = $after_day
        AND (received_at < $after_received_at OR (received_at = $after_received_at AND uuid < $after_uuid::UUID)))
  ORDER BY day DESC, received_at DESC, uuid DESC
  LIMIT $rows_max
)
SELECT uuid, day, organisation_key, organisation, report_id, range_start, range_end, received_at, channel, trust, policy_domains,
       {{sessions}}, deviations, (SELECT count(*) FROM matching)
FROM page
ORDER BY day DESC, received_at DESC, uuid DESC
