-- What the server keeps about itself.

-- At most one row: written to see whether anything can be written.
CREATE TABLE probe (
    tried_at TIMESTAMP NOT NULL,
    filler   BLOB NOT NULL
);

-- Whether DNSSEC vouched for the key of the signature that decided; NULL: no signature did, or it was not asked then.
ALTER TABLE report ADD COLUMN key_secure BOOLEAN;
ALTER TABLE quarantine ADD COLUMN key_secure BOOLEAN;
-- Where stored reports are still to be counted again, this table takes the place of `report`.
ALTER TABLE IF EXISTS report_next ADD COLUMN key_secure BOOLEAN;

-- What each way in brought: counters that outlive the process.
CREATE TABLE way_in_count (
    name          VARCHAR NOT NULL,
    counted_since TIMESTAMP NOT NULL,
    stored        BIGINT NOT NULL,
    duplicate     BIGINT NOT NULL,
    quarantined   BIGINT NOT NULL,
    refused       BIGINT NOT NULL,
    ignored       BIGINT NOT NULL,
    busy          BIGINT NOT NULL
);
