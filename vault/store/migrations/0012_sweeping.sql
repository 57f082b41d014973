-- What a deletion looks for in other tables, row by row: without these a sweep after a flood of registrations or
-- requests read whole tables for each row, took longer than a statement may, and never came to its end.
CREATE INDEX flows_client ON flows (client_id) WHERE client_id IS NOT NULL;
CREATE INDEX flows_grant ON flows (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX states_flow ON states (flow_id) WHERE flow_id IS NOT NULL;
CREATE INDEX codes_grant ON codes (grant_id);
CREATE INDEX codes_family ON codes (family_id) WHERE family_id IS NOT NULL;
