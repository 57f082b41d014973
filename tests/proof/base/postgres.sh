#!/bin/sh
# What the official image documents of its first start: an empty PGDATA becomes a cluster, whose superuser has the
# password of POSTGRES_PASSWORD_FILE, and which takes passwords from everywhere.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # shellcheck disable=SC2086 # several words
    initdb --username=postgres --pwfile="$POSTGRES_PASSWORD_FILE" ${POSTGRES_INITDB_ARGS:-}
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
fi
exec "$@" -c listen_addresses='*'
