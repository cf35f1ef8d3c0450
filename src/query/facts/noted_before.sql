SELECT policy_domain, organisation_key, result_type, min(first_day) AS first_day FROM known_failure GROUP BY ALL
