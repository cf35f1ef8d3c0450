(each_day.policy_domain, each_day.organisation_key, each_day.result_type) IN (
     SELECT (policy_domain, organisation, result_type) FROM alert WHERE rule = 'new-failure' AND status = 'firing')
