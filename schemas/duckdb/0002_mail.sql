-- Reports by mail: what their signatures were worth, whom the operator trusts without, which mails of a mailbox are done.

ALTER TABLE report ADD COLUMN from_domain VARCHAR;         -- of the mail's From field; NULL: did not come by mail
ALTER TABLE report ADD COLUMN dkim_verdict VARCHAR;        -- `pass`, or the fault code of what was counted all the same
ALTER TABLE report ADD COLUMN dkim_selector VARCHAR;
ALTER TABLE report ADD COLUMN mailed_at TIMESTAMP;         -- when the mail reached the mailbox it was taken from

ALTER TABLE quarantine ADD COLUMN from_domain VARCHAR;
ALTER TABLE quarantine ADD COLUMN dkim_verdict VARCHAR;
ALTER TABLE quarantine ADD COLUMN dkim_selector VARCHAR;
ALTER TABLE quarantine ADD COLUMN mailed_at TIMESTAMP;

-- One row for each sender whose mail counts although no signature of its own domain passes.
CREATE TABLE trusted_sender (
    uuid        UUID NOT NULL,
    from_domain VARCHAR NOT NULL,
    dkim_domain VARCHAR,                  -- the domain that must have signed; NULL: no signature is asked for
    added_at    TIMESTAMP NOT NULL,
    revoked_at  TIMESTAMP                 -- NULL: in force
);

-- One row for each mail of a mailbox that needs no second look.
CREATE TABLE mailbox (
    account      VARCHAR NOT NULL,
    folder       VARCHAR NOT NULL,
    uid_validity UINTEGER NOT NULL,
    uid          UINTEGER NOT NULL,
    settled_at   TIMESTAMP NOT NULL
);
