-- A registration at a provider: a person's own (one for each provider), or the operator's from the setup page
-- (owner is the nil id, and user_id NULL). body seals the client secret, if there is one, together with provider
-- and client id, so that an edited row does not open.
CREATE TABLE apps (
    id         uuid PRIMARY KEY,
    owner      uuid    NOT NULL,
    user_id    uuid    REFERENCES users ON DELETE CASCADE CHECK (user_id = owner),
    provider   text    NOT NULL,
    client_id  text    NOT NULL,
    label      text    NOT NULL,
    has_secret boolean NOT NULL,
    dek_id     uuid    REFERENCES deks ON DELETE SET NULL,
    body       bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (owner, provider)
);
