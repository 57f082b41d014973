-- Connections are refreshed before anybody needs it. refreshed_at: when the provider last gave us something for
-- the refresh token that the row holds. tend_at: before this nobody looks whether a refresh is due; whether it is
-- then, the other columns say, so a worker of the release before does no harm by leaving both alone.
ALTER TABLE connections
    ADD COLUMN refreshed_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN tend_at      timestamptz NOT NULL DEFAULT now();

-- Rows of before do not say when: their access tokens lived an hour. Those in use are looked at soon, the others
-- over a day, for many of them may be due.
UPDATE connections SET
    refreshed_at = greatest(created_at, least(now(), access_expires_at - interval '1 hour')),
    tend_at = CASE WHEN last_used_at > now() - interval '30 days' THEN now()
        ELSE now() + interval '1 day' * (get_byte(uuid_send(id), 15) / 256.0) END;

CREATE INDEX connections_tend ON connections (provider, tend_at) WHERE status = 'active';
