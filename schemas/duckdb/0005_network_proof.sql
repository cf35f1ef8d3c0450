-- Reports posted over HTTPS: whether the posting address was found to belong to the domain they come from.

ALTER TABLE report ADD COLUMN network_state VARCHAR;       -- proven, not-proven, unknown (to be looked up again); NULL: not asked
ALTER TABLE report ADD COLUMN network_domain VARCHAR;      -- the domain that is proven
ALTER TABLE report ADD COLUMN network_evidence VARCHAR;    -- JSON: what proves it, or why it is not proven

-- It may be waiting to take the place of `report`.
ALTER TABLE IF EXISTS report_next ADD COLUMN network_state VARCHAR;
ALTER TABLE IF EXISTS report_next ADD COLUMN network_domain VARCHAR;
ALTER TABLE IF EXISTS report_next ADD COLUMN network_evidence VARCHAR;

ALTER TABLE quarantine ADD COLUMN network_state VARCHAR;
ALTER TABLE quarantine ADD COLUMN network_domain VARCHAR;
ALTER TABLE quarantine ADD COLUMN network_evidence VARCHAR;
