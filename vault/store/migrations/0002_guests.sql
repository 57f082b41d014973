-- What else an identity is known by, as keyed hashes: a verified address, an organisation's domain. Each
-- sign-in writes them anew; the guest list is compared with them at every page and every token refresh.
ALTER TABLE identities ADD COLUMN claims bytea[] NOT NULL DEFAULT '{}';

-- Labels name an account to a tool, whatever their case. Of several that differ by case alone the oldest keeps
-- its own, the others get the end of their id behind it.
UPDATE connections c SET label = left(c.label, 50) || ' ' || right(c.id::text, 6)
 WHERE c.status <> 'disconnected' AND EXISTS (SELECT FROM connections o WHERE o.owner = c.owner
  AND o.provider = c.provider AND o.status <> 'disconnected' AND lower(o.label) = lower(c.label)
  AND (o.created_at, o.id) < (c.created_at, c.id));
DROP INDEX connections_label;
CREATE UNIQUE INDEX connections_label ON connections (owner, provider, lower(label)) WHERE status <> 'disconnected';

-- Who else has this account: asked before a grant is ended at a provider that ends all of an account's.
CREATE INDEX connections_account ON connections (account_index, provider, app);
