-- Each session counts once in another way (docs/figures.md), what was missing in some policies is supplied by other rules, and some senders have
-- other keys: reports are read again from their original bytes into these tables, which then take the place of those without `_next`.

CREATE TABLE report_next (
    uuid             UUID NOT NULL,       -- identity
    content          UUID NOT NULL,       -- digest of the normalised content
    day              DATE NOT NULL,       -- UTC day the range starts
    organisation_key VARCHAR NOT NULL,
    organisation     VARCHAR,             -- organization-name as sent
    submitter        VARCHAR,
    contact          VARCHAR,
    report_id        VARCHAR NOT NULL,
    range_start      TIMESTAMP NOT NULL,
    range_end        TIMESTAMP NOT NULL,
    received_at      TIMESTAMP NOT NULL,
    channel          VARCHAR NOT NULL,    -- https, smtp, lmtp, imap, maildir, import
    peer             VARCHAR,
    source           VARCHAR,             -- path of an imported file
    trust            VARCHAR NOT NULL,    -- none, import, token, dkim
    dkim_domain      VARCHAR,
    policy_domains   VARCHAR NOT NULL,    -- sorted, one a line
    successful       BIGINT NOT NULL,     -- sessions, each counted once
    failed           BIGINT NOT NULL,
    deviations       VARCHAR NOT NULL,    -- `code count path`, one a line
    from_domain      VARCHAR,             -- of the mail's From field; NULL: did not come by mail
    dkim_verdict     VARCHAR,             -- `pass`, or the fault code of what was counted all the same
    dkim_selector    VARCHAR,
    mailed_at        TIMESTAMP            -- when the mail reached the mailbox it was taken from
);

CREATE TABLE policy_next (
    report           UUID NOT NULL,
    position         INTEGER NOT NULL,    -- index in `policies`, from 0
    day              DATE NOT NULL,
    organisation_key VARCHAR NOT NULL,
    organisation     VARCHAR,
    policy_domain    VARCHAR NOT NULL,    -- '' where nothing tells it
    policy_type      VARCHAR NOT NULL,
    trust            VARCHAR NOT NULL,
    mode             VARCHAR,             -- enforce, testing, none; NULL where unknown
    max_age          BIGINT,              -- seconds
    policy_string    VARCHAR NOT NULL,    -- one element a line
    mx_hosts         VARCHAR NOT NULL,    -- one a line
    successful       BIGINT,              -- sessions; NULL where the sender gave no usable count
    failed           BIGINT,
    not_itemised     BIGINT NOT NULL,     -- failed sessions that failure-details do not explain
    once_successful  BIGINT NOT NULL,     -- what this row contributes where each session counts once
    once_failed      BIGINT NOT NULL
);

CREATE TABLE failure_next (
    report                UUID NOT NULL,
    policy_position       INTEGER NOT NULL,
    position              INTEGER NOT NULL, -- index in `failure-details`, from 0
    day                   DATE NOT NULL,
    organisation_key      VARCHAR NOT NULL,
    organisation          VARCHAR,
    policy_domain         VARCHAR NOT NULL,
    policy_type           VARCHAR NOT NULL,
    trust                 VARCHAR NOT NULL,
    mode                  VARCHAR,
    result_type           VARCHAR NOT NULL, -- verbatim; 'unknown' where missing
    sending_mta_ip        VARCHAR,
    receiving_mx_hostname VARCHAR,
    receiving_mx_helo     VARCHAR,
    receiving_ip          VARCHAR,
    failed_sessions       BIGINT,
    additional_information VARCHAR,
    reason_code           VARCHAR,
    counted               BOOLEAN NOT NULL  -- whether it counts where each session counts once
);

-- The last report that was read again.
CREATE TABLE recount (
    day  DATE NOT NULL,
    uuid UUID NOT NULL
);

-- Test reports (`tlsight send-test-report`), which are in no figure.
CREATE TABLE test_report (
    uuid           UUID NOT NULL,
    report_id      VARCHAR NOT NULL,
    received_at    TIMESTAMP NOT NULL,
    channel        VARCHAR NOT NULL,
    trust          VARCHAR NOT NULL,
    dkim_domain    VARCHAR,
    policy_domains VARCHAR NOT NULL       -- sorted, one a line
);
