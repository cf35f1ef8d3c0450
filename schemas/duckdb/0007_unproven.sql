-- What is stored of senders who did not prove who they are has a bound of its own, and so has each of them in it and in the quarantine.

-- One row for each stored report of trust `none` or `token`. What was stored before this table was there stays without a bound.
CREATE TABLE unproven (
    report      UUID NOT NULL,
    day         DATE NOT NULL,
    party       VARCHAR NOT NULL,         -- network of the sender, such as 192.0.2.0/24; '' where none is known
    received_at TIMESTAMP NOT NULL,
    bytes       BIGINT NOT NULL           -- about, in all tables
);

ALTER TABLE quarantine ADD COLUMN party VARCHAR; -- network of the sender, else the domain in From: whose share it counts in
UPDATE quarantine SET party =
    CASE WHEN peer LIKE '%.%.%.%' AND peer NOT LIKE '%:%' THEN regexp_replace(peer, '[.][0-9]+$', '.0/24')
         ELSE coalesce(peer, from_domain, '') END;
