#!/bin/sh
# nginx with the template filled in: nginx.sh TEMPLATE. When the certificate changes, it is read anew.
# Everything that is written lies in /tmp, or in the folder that a second word names.
set -eu
umask 077
template=${1:?the template}
folder=${2:-/tmp}

while read -r name; do
    eval "value=\${$name?is not set}"
    printf 's|${%s}|%s|g\n' "$name" "$value"
done >"$folder/fill.sed" <<NAMES
$(grep -o '\${[A-Z0-9_]*}' "$template" | tr -d '${}' | sort -u)
NAMES
sed -f "$folder/fill.sed" "$template" >"$folder/nginx.conf"
# nginx makes the folders of its own, but not below one that is missing.
nginx -p "$folder" -c "$folder/nginx.conf" -t -q

look() {
    before=$(cksum <"$TLS_CERTIFICATE")
    while sleep "${VALET_CERTIFICATE_LOOK:-60}"; do
        now=$(cksum <"$TLS_CERTIFICATE") || continue
        [ "$now" != "$before" ] || continue
        # A certificate that can't be used changes nothing: nginx goes on with the one before.
        nginx -p "$folder" -c "$folder/nginx.conf" -t -q || continue
        nginx -p "$folder" -c "$folder/nginx.conf" -s reload && before=$now
    done
}
look &
exec nginx -p "$folder" -c "$folder/nginx.conf" -g 'daemon off;'
