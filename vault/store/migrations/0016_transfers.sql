-- A link to one file, good once: out of a provider's hands (download) or into them (upload). hash is of the handle in
-- the link; sealed says which file. It stands while the grant it was made under holds the scope, its person is not
-- blocked and the connection is not ended. consumed_at: somebody uses or used it; NULL again where nothing came of it.
CREATE TABLE transfers (
    hash          bytea PRIMARY KEY,
    record_id     uuid  NOT NULL,
    user_id       uuid  NOT NULL REFERENCES users ON DELETE CASCADE,
    grant_id      uuid  NOT NULL REFERENCES grants ON DELETE CASCADE,
    connection_id uuid  NOT NULL REFERENCES connections ON DELETE CASCADE,
    scopes        text[] NOT NULL,
    direction     text  NOT NULL CHECK (direction IN ('download', 'upload')),
    sealed        bytea NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    consumed_at   timestamptz
);
CREATE INDEX transfers_user ON transfers (user_id);
CREATE INDEX transfers_grant ON transfers (grant_id);
CREATE INDEX transfers_connection ON transfers (connection_id);
CREATE INDEX transfers_expiry ON transfers (expires_at);
