-- Client-id documents: when each was fetched, until when somebody is fetching it, and why the last try failed. What
-- the document says is the row of clients.
CREATE TABLE documents (
    client_id   text PRIMARY KEY,
    host        text NOT NULL,
    tried_at    timestamptz NOT NULL DEFAULT now(),
    busy_until  timestamptz,
    fetched_at  timestamptz,
    fresh_until timestamptz,
    retry_at    timestamptz,
    failure     text
);
CREATE INDEX documents_host ON documents (host, tried_at);
CREATE INDEX documents_tried ON documents (tried_at);
