-- A person may want to be asked before a chat sends, shares, invites or deletes something with a service. A row: they do.
CREATE TABLE asks (
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    service    text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, service)
);

-- One question about one call. mark: a keyed hash of exactly what it would do. sealed: what its person is shown, until
-- they answer. A yes is good for one call (spent_at), until expires_at.
CREATE TABLE approvals (
    id            uuid  PRIMARY KEY,
    hash          bytea NOT NULL UNIQUE,
    user_id       uuid  NOT NULL REFERENCES users ON DELETE CASCADE,
    grant_id      uuid  NOT NULL REFERENCES grants ON DELETE CASCADE,
    connection_id uuid  REFERENCES connections ON DELETE CASCADE,
    tool          text  NOT NULL,
    mark          bytea NOT NULL,
    sealed        bytea,
    decision      text  CHECK (decision IN ('yes', 'no')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    answered_at   timestamptz,
    spent_at      timestamptz
);
CREATE INDEX approvals_mark ON approvals (grant_id, mark);
CREATE INDEX approvals_connection ON approvals (connection_id);
CREATE INDEX approvals_expiry ON approvals (expires_at);
