-- Times are UTC. Lists are one text, one element a line: the appender takes no LIST, and DuckLake is content with it.
-- No constraint but NOT NULL, no index, no sequence: the same statements must run where those do not exist.

-- One row for each stored report.
CREATE TABLE report (
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
    channel          VARCHAR NOT NULL,    -- https, import
    peer             VARCHAR,
    source           VARCHAR,             -- path of an imported file
    trust            VARCHAR NOT NULL,    -- none, import, token, dkim
    dkim_domain      VARCHAR,
    policy_domains   VARCHAR NOT NULL,    -- sorted, one a line
    successful       BIGINT NOT NULL,     -- sessions, each counted once
    failed           BIGINT NOT NULL,
    deviations       VARCHAR NOT NULL     -- `code count path`, one a line
);

-- One row for each policy of a report.
CREATE TABLE policy (
    report           UUID NOT NULL,
    position         INTEGER NOT NULL,    -- index in `policies`, from 0
    day              DATE NOT NULL,
    organisation_key VARCHAR NOT NULL,
    organisation     VARCHAR,
    policy_domain    VARCHAR NOT NULL,    -- '' where the sender gave none
    policy_type      VARCHAR NOT NULL,
    trust            VARCHAR NOT NULL,
    mode             VARCHAR,             -- enforce, testing, none; NULL where unknown
    max_age          BIGINT,              -- seconds
    policy_string    VARCHAR NOT NULL,    -- one element a line
    mx_hosts         VARCHAR NOT NULL,    -- one a line
    successful       BIGINT,              -- sessions; NULL where the sender gave no usable count
    failed           BIGINT,
    not_itemised     BIGINT NOT NULL,     -- failed sessions that failure-details do not explain
    counted          BOOLEAN NOT NULL     -- whether these sessions count where one number over all policy types is shown
);

-- One row for each entry of failure-details.
CREATE TABLE failure (
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
    counted               BOOLEAN NOT NULL  -- as in policy, by result type
);

-- The original bytes of each stored report.
CREATE TABLE raw (
    report      UUID NOT NULL,
    day         DATE NOT NULL,
    received_at TIMESTAMP NOT NULL,
    element     INTEGER,                    -- index of the report in `bytes`, where they hold several
    media_type  VARCHAR,                    -- as claimed by the sender
    content_encoding VARCHAR,
    bytes       BLOB NOT NULL
);

-- Input that is kept but not counted, once for each content.
CREATE TABLE quarantine (
    uuid             UUID NOT NULL,         -- digest of the bytes and, for one report of several, its index
    first_received_at TIMESTAMP NOT NULL,
    last_received_at TIMESTAMP NOT NULL,
    times            BIGINT NOT NULL,       -- how often this content came
    channel          VARCHAR NOT NULL,
    peer             VARCHAR,
    source           VARCHAR,
    token_domains    VARCHAR,               -- NULL: came without a token
    trust            VARCHAR NOT NULL,
    dkim_domain      VARCHAR,
    submitter        VARCHAR,
    code             VARCHAR NOT NULL,      -- fault code
    detail           VARCHAR NOT NULL,
    place            VARCHAR NOT NULL,
    element          INTEGER,               -- index of the report in its document, where the document holds several
    report           UUID,                  -- the stored report it collides with
    organisation     VARCHAR,
    report_id        VARCHAR,
    media_type       VARCHAR,
    content_encoding VARCHAR,
    bytes_total      BIGINT NOT NULL,       -- as received
    bytes            BLOB NOT NULL          -- capped
);
