-- What happened here, for whoever runs it: appended only, each row under a MAC over itself and the one before it
-- (vault/audit/). The app's role may insert and select (vault/store/roles.py), and the trigger stops an owner's slip.
-- person, client and address are keyed pseudonyms. seen_*: the newest batch of another worker, as this one saw it;
-- in a row about pruning: what was removed. seq is the order of arrival and under no MAC.
CREATE TABLE audit (
    worker      uuid        NOT NULL,
    batch       bigint      NOT NULL,
    position    integer     NOT NULL,
    size        integer     NOT NULL,
    seq         bigint      GENERATED ALWAYS AS IDENTITY,
    at          timestamptz NOT NULL,
    event       text        NOT NULL,
    outcome     text        NOT NULL,
    person      bytea,
    client      bytea,
    address     bytea,
    tool        text,
    provider    text,
    detail      text,
    times       integer     NOT NULL,
    lost        integer     NOT NULL,
    seen_worker uuid,
    seen_batch  bigint,
    seen_mac    bytea,
    mac         bytea       NOT NULL,
    PRIMARY KEY (worker, batch, position)
);
CREATE UNIQUE INDEX audit_seq ON audit (seq);
CREATE INDEX audit_person ON audit (person, at) WHERE person IS NOT NULL;
CREATE INDEX audit_pruned ON audit (seq) WHERE event = 'pruned';

CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('valet.prune', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'rows of audit are never changed and only pruned'
        USING ERRCODE = 'insufficient_privilege', HINT = 'To remove old ones: valet audit prune --before DATE';
END
$$;
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_stays();

-- The key under which a person is called in audit, sealed under the operator's key. It dies with the account.
CREATE TABLE audit_keys (
    user_id    uuid  PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    sealed     bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
