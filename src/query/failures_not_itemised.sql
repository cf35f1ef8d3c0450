  SELECT {{key}} AS key, day, report, organisation_key, {{not_itemised}} AS failed
  FROM policy
  WHERE day BETWEEN $oldest_day AND $last_day AND {{policies}} AND {{not_itemised}} > 0
