-- An account that came back from a provider may wait for a yes, too. Then what is sealed goes with the answer or when
-- nobody answered in time, and is ended at the provider; the row stays for a day, so that a second answer can be told
-- what became of the first. account_index: what ending it there may end more of.
ALTER TABLE pendings
    ALTER COLUMN sealed DROP NOT NULL,
    ADD COLUMN provider      text,
    ADD COLUMN app           text,
    ADD COLUMN account_index bytea,
    ADD COLUMN answered_at   timestamptz;
CREATE INDEX pendings_expiry ON pendings (expires_at);
CREATE INDEX pendings_account ON pendings (provider, account_index) WHERE sealed IS NOT NULL;
