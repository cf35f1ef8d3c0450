    AND uuid IN (
      SELECT report FROM failure
      WHERE day BETWEEN $first_day AND $last_day
        AND ($policy_domain IS NULL OR policy_domain = $policy_domain)
        AND ($policy_type IS NULL OR policy_type = $policy_type)
        AND ($result_type IS NULL OR result_type = $result_type)
        AND ($receiving_mx_hostname IS NULL OR coalesce(receiving_mx_hostname, '') = $receiving_mx_hostname)
        AND ($sending_mta_ip IS NULL OR coalesce(sending_mta_ip, '') = $sending_mta_ip)
    )
