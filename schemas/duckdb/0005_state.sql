-- What the server keeps about itself.

-- At most one row: written to see whether anything can be written.
CREATE TABLE probe (
    tried_at TIMESTAMP NOT NULL,
    filler   BLOB NOT NULL
);
