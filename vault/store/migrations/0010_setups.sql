-- The operator's setup: a link that the terminal printed, good once, and the browser session it was exchanged for.
-- All three hashes are SHA-256 of 256 random bits.
CREATE TABLE setups (
    hash          bytea PRIMARY KEY,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    consumed_at   timestamptz,
    session_hash  bytea UNIQUE,
    browser_hash  bytea,
    session_until timestamptz
);
