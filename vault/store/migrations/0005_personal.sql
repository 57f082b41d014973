-- Personal access tokens: each is a client of its own kind that no OAuth endpoint knows, with one grant, one family and
-- one access token. So every check, and every way to end one, is that of a chat's tokens.
ALTER TABLE clients DROP CONSTRAINT clients_kind_check;
ALTER TABLE clients ADD CONSTRAINT clients_kind_check CHECK (kind IN ('dcr', 'cimd', 'static', 'personal'));
