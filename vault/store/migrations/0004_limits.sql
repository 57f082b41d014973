-- How often something was done lately, as one moment per counter: when all of it is forgotten again. key is a keyed
-- hash of the rule and of whom it counts. Unlogged: counting writes no WAL and waits for no disk, and a crash forgets.
CREATE UNLOGGED TABLE limits (
    key   bytea       PRIMARY KEY,
    until timestamptz NOT NULL
) WITH (fillfactor = 50);
