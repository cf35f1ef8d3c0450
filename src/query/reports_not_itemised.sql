AND uuid IN (SELECT report FROM policy WHERE day BETWEEN $first_day AND $last_day AND {{policies}} AND {{not_itemised}} > 0)
