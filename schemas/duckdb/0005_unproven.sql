-- What is stored of senders who did not prove who they are has a bound of its own, and so has each of them in it and in the quarantine.

-- One row for each stored report of trust `none` or `token`.
CREATE TABLE unproven (
    report      UUID NOT NULL,
    day         DATE NOT NULL,
    party       VARCHAR NOT NULL,         -- network of the sender, such as 192.0.2.0/24; '' where none is known
    received_at TIMESTAMP NOT NULL,
    bytes       BIGINT NOT NULL           -- about, in all tables
);

INSERT INTO unproven
SELECT r.uuid, r.day,
       CASE WHEN r.peer LIKE '%.%.%.%' AND r.peer NOT LIKE '%:%' THEN regexp_replace(r.peer, '[.][0-9]+$', '.0/24') ELSE coalesce(r.peer, '') END,
       r.received_at,
       coalesce(w.bytes, 0) + 256 * (1 + coalesce(p.rows, 0) + coalesce(f.rows, 0))
FROM report r
LEFT JOIN (SELECT report, sum(octet_length(bytes)) AS bytes FROM raw GROUP BY report) w ON w.report = r.uuid
LEFT JOIN (SELECT report, count(*) AS rows FROM policy GROUP BY report) p ON p.report = r.uuid
LEFT JOIN (SELECT report, count(*) AS rows FROM failure GROUP BY report) f ON f.report = r.uuid
WHERE r.trust IN ('none', 'token');

ALTER TABLE quarantine ADD COLUMN party VARCHAR; -- network of the sender, else the domain in From: whose share it counts in
UPDATE quarantine SET party =
    CASE WHEN peer LIKE '%.%.%.%' AND peer NOT LIKE '%:%' THEN regexp_replace(peer, '[.][0-9]+$', '.0/24') ELSE coalesce(peer, from_domain, '') END;
