#!/bin/sh
# A dump becomes the database: restore.sh SECRETS DUMP, as the administrator of PGHOST, while no Valet runs. The database
# of before is kept under another name. Until the last step nothing is changed, and that one happens as a whole.
set -eu
secrets=${1:?the folder of the passwords}
dump=${2:?the dump}
old=valet_before_$(date -u +%Y%m%dT%H%M%SZ)

PGPASSWORD=$(cat "$secrets/superuser")
export PGPASSWORD PGUSER=postgres PGDATABASE=postgres
export PGOPTIONS="-c client_min_messages=warning"
ask() { psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"; }

[ "$(ask -c "SELECT count(*) FROM pg_stat_activity WHERE datname = 'valet' AND usename = 'valet_app'")" = 0 ] || {
    echo "Valet runs on the database. Stop it first: docker compose stop nginx mcp-1 mcp-2 connect backup" >&2
    exit 2
}
pg_restore --list "$dump" | grep -q ' TABLE DATA public schema_migrations ' || {
    echo "There is no Valet in $dump. Nothing was changed." >&2
    exit 2
}
ask -c 'DROP DATABASE IF EXISTS valet_restoring' -c 'CREATE DATABASE valet_restoring OWNER valet_owner ENCODING UTF8 TEMPLATE template0' \
    -c 'REVOKE ALL ON DATABASE valet_restoring FROM PUBLIC' \
    -c 'GRANT CONNECT ON DATABASE valet_restoring TO valet_app'
pg_restore --single-transaction --exit-on-error --no-owner --no-privileges --role=valet_owner \
    --dbname=valet_restoring "$dump" || {
    echo "The dump could not be restored. Nothing was changed; the database is the one of before." >&2
    exit 1
}
ask --single-transaction -c "ALTER DATABASE valet RENAME TO \"$old\"" \
    -c 'ALTER DATABASE valet_restoring RENAME TO valet'
echo "restored  $dump; the database of before is kept as $old"
echo "next      docker compose up -d"
