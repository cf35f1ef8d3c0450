-- What was seen of the policies of the served domains, and what is wrong with it.

-- One row for each look at a domain.
CREATE TABLE look (
    day           DATE NOT NULL,          -- UTC
    looked_at     TIMESTAMP NOT NULL,
    policy_domain VARCHAR NOT NULL,
    cause         VARCHAR NOT NULL,       -- timer, asked, retry
    state         UUID NOT NULL,          -- row of `look_state`
    faults        INTEGER NOT NULL,       -- findings of this look
    warnings      INTEGER NOT NULL,
    unknowns      INTEGER NOT NULL,
    took_ms       BIGINT NOT NULL
);

-- What was seen; the same again is the same row. Its name is a digest of domain, observation and findings without times.
CREATE TABLE look_state (
    state         UUID NOT NULL,
    policy_domain VARCHAR NOT NULL,
    first_seen_at TIMESTAMP NOT NULL,
    observed      VARCHAR NOT NULL,       -- JSON
    findings      VARCHAR NOT NULL        -- JSON
);

-- A finding from the first look that had it to the first that had it no more.
CREATE TABLE look_finding (
    policy_domain  VARCHAR NOT NULL,
    check_id       VARCHAR NOT NULL,      -- as in docs/checks.md
    part           VARCHAR NOT NULL,      -- address, line or host; empty for the domain as a whole
    severity       VARCHAR NOT NULL,
    effect         VARCHAR NOT NULL,
    message        VARCHAR NOT NULL,      -- of the last look that had it
    remedy         VARCHAR,
    last_before_at TIMESTAMP,             -- the last look before it; null where there was none
    began_at       TIMESTAMP NOT NULL,    -- the first look that had it
    confirmed_at   TIMESTAMP,             -- a later look that had it too, at least ten minutes after
    good_at        TIMESTAMP,             -- since then looks do not have it any more
    ended_at       TIMESTAMP              -- the second look in a row without it
);

-- Facts that changed between two looks: the id of the record, the MX hosts.
CREATE TABLE look_change (
    policy_domain  VARCHAR NOT NULL,
    fact           VARCHAR NOT NULL,      -- id, mx
    last_before_at TIMESTAMP NOT NULL,    -- the last look with the old one
    changed_at     TIMESTAMP NOT NULL,    -- the first look with the new one
    before         VARCHAR,               -- null where there was nothing
    after          VARCHAR                -- null where there is nothing any more
);

-- Policies that were served, from the first look that saw one to the first that did not. Two with the same mode, max_age and mx are the same.
CREATE TABLE policy_published (
    policy_domain VARCHAR NOT NULL,
    content       UUID NOT NULL,          -- digest of mode, max_age and mx
    id            VARCHAR,                -- of the record when it was last seen
    text          VARCHAR NOT NULL,       -- as served
    mode          VARCHAR NOT NULL,
    max_age_s     BIGINT NOT NULL,
    mx            VARCHAR NOT NULL,       -- patterns, sorted, one a line
    first_seen_at TIMESTAMP NOT NULL,
    last_seen_at  TIMESTAMP NOT NULL,
    gone_at       TIMESTAMP               -- the first look without it
);
