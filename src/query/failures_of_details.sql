  SELECT coalesce({{key}}, '') AS key, day, report, organisation_key, {{failed_sessions}} AS failed
  FROM failure
  WHERE day BETWEEN $oldest_day AND $last_day AND {{failures}} AND {{failed_sessions}} > 0
