-- Expand. What a program has to know to work on the schema after a step: releases overlap while they are rolled out.
ALTER TABLE schema_migrations ADD COLUMN IF NOT EXISTS needs integer NOT NULL DEFAULT 0;
