-- Alerts, what is known so that only news is told, and the outbox: a notification is written in the transaction of its cause.

-- One row for each alert, from its first firing on; it is changed in place, `alert_event` keeps its history.
CREATE TABLE alert (
    uuid            UUID NOT NULL,
    rule            VARCHAR NOT NULL,
    policy_domain   VARCHAR,
    organisation    VARCHAR,              -- organisation key
    result_type     VARCHAR,
    mx_host         VARCHAR,
    part            VARCHAR,
    status          VARCHAR NOT NULL,     -- firing, resolved
    since           TIMESTAMP NOT NULL,   -- when the trouble began, as far as the data tell
    fired_at        TIMESTAMP NOT NULL,
    changed_at      TIMESTAMP NOT NULL,
    told_at         TIMESTAMP,            -- NULL: nobody was told
    acknowledged_at TIMESTAMP,
    acknowledgement VARCHAR,
    times           UINTEGER NOT NULL,
    evidence        VARCHAR NOT NULL      -- JSON
);

CREATE TABLE alert_event (
    alert    UUID NOT NULL,
    happened_at TIMESTAMP NOT NULL,
    event    VARCHAR NOT NULL,            -- fired, reopened, reminded, resolved, lapsed, acknowledged
    told     BOOLEAN NOT NULL,
    muted    VARCHAR,                     -- why nobody was told
    evidence VARCHAR NOT NULL             -- JSON, as it was then
);

-- One row for each result type an organisation was ever seen to fail with at a policy domain.
CREATE TABLE known_failure (
    policy_domain    VARCHAR NOT NULL,
    organisation_key VARCHAR NOT NULL,
    result_type      VARCHAR NOT NULL,
    first_day        DATE NOT NULL,
    noted_at         TIMESTAMP NOT NULL
);

-- Silences set from the page; those of the configuration file are not here.
CREATE TABLE silence (
    uuid          UUID NOT NULL,
    rule          VARCHAR,
    policy_domain VARCHAR,
    organisation  VARCHAR,
    result_type   VARCHAR,
    until         TIMESTAMP NOT NULL,
    reason        VARCHAR NOT NULL,
    added_at      TIMESTAMP NOT NULL,
    ended_at      TIMESTAMP               -- NULL: was not ended before its time
);

-- Up to which moment each digest has been settled: sent, or passed over because it was configured later.
CREATE TABLE digest (
    name       VARCHAR NOT NULL,
    due_at     TIMESTAMP NOT NULL,
    settled_at TIMESTAMP NOT NULL
);

CREATE TABLE outbox (
    uuid            UUID NOT NULL,
    channel         VARCHAR NOT NULL,
    recipient       VARCHAR NOT NULL,     -- mail address, or alert; '' for channels without
    dedupe          VARCHAR NOT NULL,     -- one key a line: that of the draft, and those of drafts that joined
    title           VARCHAR NOT NULL,
    payload         VARCHAR NOT NULL,     -- JSON
    notices         UINTEGER NOT NULL,    -- how many the payload holds
    state           VARCHAR NOT NULL,     -- pending, delivered, given-up
    created_at      TIMESTAMP NOT NULL,
    next_attempt_at TIMESTAMP NOT NULL,
    give_up_at      TIMESTAMP NOT NULL,
    attempts        UINTEGER NOT NULL,
    settled_at      TIMESTAMP,            -- when it was delivered or given up
    last_error      VARCHAR
);
