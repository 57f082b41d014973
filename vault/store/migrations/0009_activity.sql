-- What was done with a person's accounts, by which chat or by themselves: names and outcomes, never content. What is
-- shown of a chat is what was known of it then, so a row outlives the grant, the client and the connection.
CREATE TABLE activity (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    at           timestamptz NOT NULL,
    grant_id     uuid,
    client_id    text,
    client_name  text,
    client_kind  text,
    redirect_uri text,
    action       text NOT NULL,
    provider     text,
    account      text,
    outcome      text NOT NULL,
    milliseconds integer
);
CREATE INDEX activity_user ON activity (user_id, at DESC, id DESC);
CREATE INDEX activity_at ON activity (at);
