#!/bin/sh
# The two roles of docs/setup.md and the database between them, as the administrator of PGHOST. Run at each start: what
# is there stays, and the passwords become those of the files. Passwords go over stdin, never over a command line.
set -eu
secrets=${1:?the folder of the passwords}

PGPASSWORD=$(cat "$secrets/superuser")
export PGPASSWORD PGUSER=postgres PGDATABASE=postgres
# log_statement is nobody's business here: a password stands in the statement.
export PGOPTIONS="-c log_statement=none -c log_min_error_statement=panic -c client_min_messages=warning"

psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 <<SQL
\\set owner \`cat "$secrets/owner"\`
\\set app \`cat "$secrets/app"\`
SET password_encryption = 'scram-sha-256';
SELECT format('CREATE ROLE %I LOGIN', name) FROM (VALUES ('valet_owner'), ('valet_app')) AS wanted (name)
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \\gexec
ALTER ROLE valet_owner PASSWORD :'owner';
ALTER ROLE valet_app PASSWORD :'app';
SELECT 'CREATE DATABASE valet OWNER valet_owner ENCODING UTF8 TEMPLATE template0'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'valet') \\gexec
REVOKE ALL ON DATABASE valet FROM PUBLIC;
GRANT CONNECT ON DATABASE valet TO valet_app;
SQL
echo "roles     valet_owner and valet_app, and the database valet"
