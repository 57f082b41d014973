-- The whole house. Values that are only ever compared (tokens, codes, handles, states, session ids)
-- are SHA-256 hashes; values that must be read again are envelopes (bytea) under a row of deks.

CREATE TABLE meta (
    name  text PRIMARY KEY,
    value text NOT NULL
);

CREATE TABLE users (
    id           uuid PRIMARY KEY,
    display_name text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    blocked_at   timestamptz
);

-- How a person proves who they are. subject_index is a keyed hash of (issuer, subject).
CREATE TABLE identities (
    issuer        text  NOT NULL,
    subject_index bytea NOT NULL,
    user_id       uuid  NOT NULL REFERENCES users ON DELETE CASCADE,
    label         text  NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_used_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject_index)
);
CREATE INDEX identities_user ON identities (user_id);

-- Data keys, wrapped by the key encryption key named in kek_ref. One per connection, one for the operator.
CREATE TABLE deks (
    id         uuid PRIMARY KEY,
    owner      uuid  NOT NULL,
    purpose    text  NOT NULL CHECK (purpose IN ('connection', 'app', 'operator')),
    kek_ref    text  NOT NULL,
    wrapped    bytea NOT NULL,
    wrapped_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX deks_operator ON deks (purpose) WHERE purpose = 'operator';
CREATE INDEX deks_kek ON deks (kek_ref);

-- subject × provider × account × app. body is the sealed token set; NULL once disconnected.
CREATE TABLE connections (
    id                 uuid PRIMARY KEY,
    owner              uuid   NOT NULL REFERENCES users ON DELETE CASCADE,
    provider           text   NOT NULL,
    account_index      bytea  NOT NULL,
    account_label      text   NOT NULL,
    app                text   NOT NULL,
    label              text   NOT NULL,
    is_default         boolean NOT NULL DEFAULT false,
    scopes             text[] NOT NULL,
    status             text   NOT NULL CHECK (status IN ('active', 'needs_reauth', 'disconnected')),
    reason             text,
    dek_id             uuid   REFERENCES deks ON DELETE SET NULL,
    body               bytea,
    secret_version     bigint NOT NULL DEFAULT 1,
    access_expires_at  timestamptz NOT NULL,
    grant_expires_at   timestamptz,
    lease_owner        uuid,
    lease_until        timestamptz,
    lease_gen          bigint NOT NULL DEFAULT 0,
    attempt_started_at timestamptz,
    fail_count         integer NOT NULL DEFAULT 0,
    next_attempt_at    timestamptz,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    last_used_at       timestamptz,
    UNIQUE (owner, provider, account_index, app)
);
CREATE UNIQUE INDEX connections_label ON connections (owner, provider, label) WHERE status <> 'disconnected';
CREATE UNIQUE INDEX connections_default ON connections (owner, provider) WHERE is_default AND status <> 'disconnected';

-- Browser sessions of our own pages. hash is of the cookie; a session row always has a person.
CREATE TABLE sessions (
    hash             bytea PRIMARY KEY,
    user_id          uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at       timestamptz NOT NULL DEFAULT now(),
    last_seen_at     timestamptz NOT NULL DEFAULT now(),
    authenticated_at timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);

-- One-time links that the operator's terminal prints.
CREATE TABLE owner_links (
    hash        bytea PRIMARY KEY,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    consumed_at timestamptz
);

-- Chat programs registered with our authorization server.
CREATE TABLE clients (
    id            text PRIMARY KEY,
    kind          text   NOT NULL CHECK (kind IN ('dcr', 'cimd', 'static')),
    name          text   NOT NULL,
    redirect_uris text[] NOT NULL,
    auth_method   text   NOT NULL CHECK (auth_method IN ('none', 'client_secret_basic', 'client_secret_post')),
    secret_hash   bytea,
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_used_at  timestamptz NOT NULL DEFAULT now()
);

-- What a person allowed a client. Tokens point here, so raising or cutting a grant needs no new login.
CREATE TABLE grants (
    id           uuid PRIMARY KEY,
    user_id      uuid   NOT NULL REFERENCES users ON DELETE CASCADE,
    client_id    text   NOT NULL REFERENCES clients ON DELETE CASCADE,
    redirect_uri text   NOT NULL,
    scopes       text[] NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at   timestamptz
);
CREATE INDEX grants_client ON grants (client_id);
CREATE UNIQUE INDEX grants_live ON grants (user_id, client_id, redirect_uri) WHERE revoked_at IS NULL;

-- One attempt: a chat client's authorize request, or a person's way to a provider. The handle is in the link.
CREATE TABLE flows (
    id          uuid PRIMARY KEY,
    kind        text  NOT NULL CHECK (kind IN ('authorize', 'connect')),
    handle_hash bytea NOT NULL UNIQUE,
    user_id     uuid  REFERENCES users ON DELETE CASCADE,
    client_id   text  REFERENCES clients ON DELETE CASCADE,
    grant_id    uuid  REFERENCES grants ON DELETE CASCADE,
    provider    text,
    params      jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    consumed_at timestamptz
);
CREATE INDEX flows_pending ON flows (user_id, client_id, provider) WHERE consumed_at IS NULL;

-- One redirect to a provider and back. sealed: the PKCE verifier and the pages to return to.
-- browser_hash ties it to one browser.
CREATE TABLE states (
    hash         bytea PRIMARY KEY,
    purpose      text  NOT NULL CHECK (purpose IN ('signin', 'connect')),
    provider     text  NOT NULL,
    app          text  NOT NULL,
    flow_id      uuid  REFERENCES flows ON DELETE CASCADE,
    user_id      uuid  REFERENCES users ON DELETE CASCADE,
    browser_hash bytea NOT NULL,
    record_id    uuid  NOT NULL,
    sealed       bytea NOT NULL,
    params       jsonb NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    consumed_at  timestamptz
);

-- A family is one exchange of one code and everything refreshed from it.
CREATE TABLE families (
    id         uuid PRIMARY KEY,
    grant_id   uuid NOT NULL REFERENCES grants ON DELETE CASCADE,
    resource   text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
CREATE INDEX families_grant ON families (grant_id);

-- redirect_uri is NULL where the client left it out at /authorize: then /token need not repeat it.
CREATE TABLE codes (
    hash           bytea PRIMARY KEY,
    grant_id       uuid NOT NULL REFERENCES grants ON DELETE CASCADE,
    client_id      text NOT NULL,
    redirect_uri   text,
    code_challenge text NOT NULL,
    resource       text NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    consumed_at    timestamptz,
    family_id      uuid REFERENCES families ON DELETE SET NULL
);

CREATE TABLE access_tokens (
    hash       bytea PRIMARY KEY,
    family_id  uuid NOT NULL REFERENCES families ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX access_tokens_family ON access_tokens (family_id);
CREATE INDEX access_tokens_expiry ON access_tokens (expires_at);

-- successor is the next refresh token, sealed, for the grace window after this one was used.
CREATE TABLE refresh_tokens (
    hash           bytea PRIMARY KEY,
    record_id      uuid  NOT NULL,
    family_id      uuid  NOT NULL REFERENCES families ON DELETE CASCADE,
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    used_at        timestamptz,
    successor      bytea,
    successor_hash bytea
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_successor ON refresh_tokens (used_at) WHERE successor IS NOT NULL;
