-- Which journal belongs to this database, and up to which sequence number everything in it is in the tables. One row.
CREATE TABLE journal (id UUID NOT NULL, loaded BIGINT NOT NULL);
INSERT INTO journal VALUES (gen_random_uuid(), 0);
