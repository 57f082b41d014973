-- What else an identity is known by, as keyed hashes: a verified address, an organisation's domain. Each
-- sign-in writes them anew; the guest list is compared with them at every page and every token refresh.
ALTER TABLE identities ADD COLUMN claims bytea[] NOT NULL DEFAULT '{}';

-- Labels name an account to a tool, whatever their case.
DROP INDEX connections_label;
CREATE UNIQUE INDEX connections_label ON connections (owner, provider, lower(label)) WHERE status <> 'disconnected';
