-- Expand. What became of a process's asking for connections to the database since its last sign, for the operator's doctor.
-- NULL: it runs a release that does not say.
ALTER TABLE workers ADD COLUMN pool_most integer, ADD COLUMN pool_asked bigint, ADD COLUMN pool_queued bigint,
    ADD COLUMN pool_waited double precision, ADD COLUMN pool_missed bigint;
