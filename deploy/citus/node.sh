#!/bin/sh
# Starts a node of Citus. The nodes log in to each other as whoever asked the coordinator, so each
# knows both passwords.
set -eu

escaped() {
    printf %s "$1" | sed 's/[\\:]/\\&/g'
}

export PGPASSFILE=/tmp/pgpass
(
    umask 077
    printf '*:*:*:%s:%s\n' \
        postgres "$(escaped "$POSTGRES_PASSWORD")" \
        "$DB_USER" "$(escaped "$DB_PASSWORD")" >"$PGPASSFILE"
)
chown postgres "$PGPASSFILE"
exec docker-entrypoint.sh postgres "$@"
