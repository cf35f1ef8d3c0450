-- One stored report.
SELECT uuid, day, organisation_key, organisation, report_id, range_start, range_end, received_at, channel, trust, policy_domains,
       successful::HUGEINT, failed::HUGEINT, deviations, submitter, contact, peer, source, dkim_domain, from_domain,
       dkim_verdict, dkim_selector, from_address, unproven_copy, network_state, network_domain, network_evidence, key_secure
FROM report
WHERE uuid = $uuid::UUID
