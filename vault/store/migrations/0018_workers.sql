-- Which processes serve, so that the operator's doctor can compare them. A process writes its row at its start and every
-- half minute, and removes it at its end; what one left behind that was killed is swept after a day. Nobody's row is
-- anybody else's business, and no request reads them.
CREATE TABLE workers (
    id          uuid PRIMARY KEY,
    doors       text[] NOT NULL,
    version     text   NOT NULL,
    knows       integer NOT NULL,
    origin      text   NOT NULL,
    ring_active text   NOT NULL,
    ring_mark   text   NOT NULL,
    clock_ahead double precision NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT now(),
    seen_at     timestamptz NOT NULL DEFAULT now()
);
