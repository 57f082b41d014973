#!/bin/sh
# The certificate of a public name: certbot.sh CERTIFICATES WEBROOT STATE. Gets it by http-01 through nginx, hands it to
# nginx in one file, and looks twice a day whether it is to be renewed. nginx notices by itself.
set -eu
umask 027
folder=${1:?the folder of the certificates}
webroot=${2:?the folder that nginx serves answers from}
state=${3:?the folder for certbot itself}
. "$(dirname "$0")/names.sh"
trap 'exit 0' TERM INT
rest() {
    sleep "$1" &
    wait $!
}
[ "$tls" = acme ] || {
    echo "$host needs no certificate by ACME"
    while :; do rest 86400; done
}

if [ -n "${VALET_ACME_EMAIL:-}" ]; then
    set -- --email "$VALET_ACME_EMAIL"
else
    set -- --register-unsafely-without-email
fi

get() {
    certbot certonly --webroot --webroot-path "$webroot" --domain "$host" --cert-name valet --keep-until-expiring \
        --non-interactive --agree-tos --server "$VALET_ACME_SERVER" "$@" \
        --config-dir "$state" --work-dir "$state/work" --logs-dir "$state/logs" || return 1
    cat "$state/live/valet/privkey.pem" "$state/live/valet/fullchain.pem" >"$folder/.certbot.pem" || return 1
    if cmp -s "$folder/.certbot.pem" "$folder/valet.pem"; then
        rm "$folder/.certbot.pem"
    else
        mv "$folder/.certbot.pem" "$folder/valet.pem"
    fi
}

while :; do
    # Let's Encrypt takes five failures an hour for one name.
    if get "$@"; then pause=43200; else
        pause=900
        echo "certbot got no certificate for $host; nginx goes on with the one it has. Does the name lead here, and is" \
            "port 80 open? It is tried again in a quarter of an hour." >&2
    fi
    rest "$pause"
done
