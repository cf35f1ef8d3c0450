    AND uuid IN (
      SELECT report FROM policy
      WHERE day BETWEEN $first_day AND $last_day
        AND ($policy_domain IS NULL OR policy_domain = $policy_domain)
        AND ($policy_type IS NULL OR policy_type = $policy_type)
        AND not_itemised > 0
    )
