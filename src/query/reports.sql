-- Reports, newest day first. The two comments are replaced by further conditions where the filter asks for them, so that the
-- plain list reads one table.
WITH matching AS (
  SELECT *
  FROM report
  WHERE day BETWEEN $first_day AND $last_day
    AND ($policy_domain IS NULL OR contains(chr(10) || policy_domains || chr(10), chr(10) || $policy_domain || chr(10)))
    AND ($organisation IS NULL OR organisation_key = $organisation)
    AND ($trust IS NULL OR trust = $trust OR ($trust = 'trusted' AND trust <> 'none'))
    AND ($deviation IS NULL OR contains(chr(10) || deviations, chr(10) || $deviation || ' '))
    /* of these policies */
    /* of these failures */
)
SELECT uuid, day, organisation_key, organisation, report_id, range_start, range_end, received_at, channel, trust, policy_domains,
       successful, failed, deviations, (SELECT count(*) FROM matching)
FROM matching
WHERE $after_day IS NULL OR day < $after_day OR (day = $after_day
      AND (received_at < $after_received_at OR (received_at = $after_received_at AND uuid < $after_uuid::UUID)))
ORDER BY day DESC, received_at DESC, uuid DESC
LIMIT $rows_max
