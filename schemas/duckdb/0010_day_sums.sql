-- Sums of whole days, so that a question about two years need not read every row of two years. The sums of a day are made of all its rows at once,
-- in a moment when nothing comes. Whatever changes one of these rows puts the day into `day_pending` in the same transaction; while it stands there,
-- its rows answer and its sums do not.

CREATE TABLE day_pending (day DATE NOT NULL);
INSERT INTO day_pending SELECT DISTINCT day FROM report;

-- Sessions by sending organisation.
CREATE TABLE day_organisation (
    day               DATE NOT NULL,
    organisation_key  VARCHAR NOT NULL,
    organisation      VARCHAR,            -- organization-name as sent
    policy_type       VARCHAR NOT NULL,
    mode              VARCHAR,
    trust             VARCHAR NOT NULL,
    policies          BIGINT NOT NULL,    -- rows of `policy`
    successful        BIGINT NOT NULL,    -- sessions, as far as they are plausible
    failed            BIGINT NOT NULL,
    not_itemised      BIGINT NOT NULL,    -- failed sessions that failure-details do not explain
    once_successful   BIGINT NOT NULL,    -- the same where each session counts once
    once_failed       BIGINT NOT NULL,
    once_not_itemised BIGINT NOT NULL
);

-- Sessions by policy domain.
CREATE TABLE day_policy_domain (
    day               DATE NOT NULL,
    policy_domain     VARCHAR NOT NULL,
    policy_type       VARCHAR NOT NULL,
    mode              VARCHAR,
    trust             VARCHAR NOT NULL,
    refused           BOOLEAN NOT NULL,   -- by senders whom the operator refused
    policies          BIGINT NOT NULL,
    successful        BIGINT NOT NULL,
    failed            BIGINT NOT NULL,
    not_itemised      BIGINT NOT NULL,
    once_successful   BIGINT NOT NULL,
    once_failed       BIGINT NOT NULL,
    once_not_itemised BIGINT NOT NULL
);

-- Failed sessions by sending organisation and result type.
CREATE TABLE day_failure (
    day                  DATE NOT NULL,
    organisation_key     VARCHAR NOT NULL,
    policy_type          VARCHAR NOT NULL,
    mode                 VARCHAR,
    trust                VARCHAR NOT NULL,
    result_type          VARCHAR NOT NULL,
    failed_sessions      BIGINT NOT NULL, -- as far as they are plausible
    once_failed_sessions BIGINT NOT NULL  -- the same where each session counts once
);

-- Reports by sending organisation.
CREATE TABLE day_report (
    day              DATE NOT NULL,
    organisation_key VARCHAR NOT NULL,
    trust            VARCHAR NOT NULL,
    reports          BIGINT NOT NULL,
    last_received_at TIMESTAMP NOT NULL
);
