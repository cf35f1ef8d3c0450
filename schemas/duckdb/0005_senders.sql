-- What was proven about a sender and what it claims are kept apart: `organisation_key` says which (docs/senders.md).

ALTER TABLE report ADD COLUMN identity UUID;               -- identity of the report where its uuid is another: two senders, one name
ALTER TABLE report ADD COLUMN from_address VARCHAR;        -- of the mail's From field
ALTER TABLE report ADD COLUMN unproven_copy VARCHAR;       -- the channel by which the same report came without proof as well
ALTER TABLE report ADD COLUMN network_state VARCHAR;       -- proven, not-proven, unknown (to be looked up again); NULL: not asked
ALTER TABLE report ADD COLUMN network_domain VARCHAR;      -- the reporting domain that the posting address proved
ALTER TABLE report ADD COLUMN network_evidence VARCHAR;    -- JSON: what proves it, or why it is not proven

-- It may be waiting to take the place of `report`.
ALTER TABLE IF EXISTS report_next ADD COLUMN identity UUID;
ALTER TABLE IF EXISTS report_next ADD COLUMN from_address VARCHAR;
ALTER TABLE IF EXISTS report_next ADD COLUMN unproven_copy VARCHAR;
ALTER TABLE IF EXISTS report_next ADD COLUMN network_state VARCHAR;
ALTER TABLE IF EXISTS report_next ADD COLUMN network_domain VARCHAR;
ALTER TABLE IF EXISTS report_next ADD COLUMN network_evidence VARCHAR;

ALTER TABLE quarantine ADD COLUMN network_state VARCHAR;
ALTER TABLE quarantine ADD COLUMN network_domain VARCHAR;
ALTER TABLE quarantine ADD COLUMN network_evidence VARCHAR;

-- The known reporters by which the keys were made; another set of them makes other keys.
CREATE TABLE sender_keys (
    made_by  VARCHAR NOT NULL,
    complete BOOLEAN NOT NULL,
    day      DATE,                         -- the last report that has its new key, while not complete
    uuid     UUID
);

-- Which keys gave way to which, while reports are given new ones: alerts and silences follow.
CREATE TABLE sender_key_change (
    before  VARCHAR NOT NULL,
    after   VARCHAR NOT NULL,
    reports BIGINT NOT NULL
);

-- What the operator said of signers nobody knows: accepted ones count at once, refused ones not at all.
CREATE TABLE sender_decision (
    organisation_key VARCHAR NOT NULL,
    accepted         BOOLEAN NOT NULL,
    decided_at       TIMESTAMP NOT NULL
);
