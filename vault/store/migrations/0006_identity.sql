-- A trip to a provider may also be for adding a way in to the person who is signed in.
ALTER TABLE states DROP CONSTRAINT states_purpose_check;
ALTER TABLE states ADD CONSTRAINT states_purpose_check CHECK (purpose IN ('signin', 'connect', 'link'));

-- What a way in and a session are called on a page: an id says nothing, a hash would say what to look for.
-- The defaults are for rows that a worker of the release before writes.
ALTER TABLE identities ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();
CREATE UNIQUE INDEX identities_id ON identities (id);
ALTER TABLE sessions ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();
CREATE UNIQUE INDEX sessions_id ON sessions (id);
-- `Firefox on Linux`: two words of ours, no version and no address.
ALTER TABLE sessions ADD COLUMN browser text NOT NULL DEFAULT '';

-- What came back with a person from a provider and waits for their yes. hash is of the handle in the page's
-- address; for one person in one browser, once. Answering deletes the row, and with it what is sealed.
CREATE TABLE pendings (
    hash         bytea PRIMARY KEY,
    purpose      text  NOT NULL,
    user_id      uuid  NOT NULL REFERENCES users ON DELETE CASCADE,
    browser_hash bytea NOT NULL,
    record_id    uuid  NOT NULL,
    sealed       bytea NOT NULL,
    params       jsonb NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL
);
CREATE INDEX pendings_user ON pendings (user_id);

-- Entries of the guest list beside VALET_ALLOW, in its words; `valet users allow` writes them.
CREATE TABLE invitations (
    entry      text PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);
