  SELECT {{key}} AS key, day, report, organisation_key, {{failed}} AS failed
  FROM policy
  WHERE day BETWEEN $oldest_day AND $last_day AND {{policies}} AND {{failed}} > 0
