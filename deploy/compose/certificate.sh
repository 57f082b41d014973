#!/bin/sh
# A certificate to begin with: certificate.sh FOLDER. One that is there stays, but for one by `valet tls dev` that is to
# stay in use: that is renewed. Key and certificates are one file, so that they are exchanged together.
set -eu
umask 027
folder=${1:?the folder of the certificates}
. "$(dirname "$0")/names.sh"

if [ "$tls" = dev ] || [ ! -e "$folder/valet.pem" ]; then
    valet tls dev --out "$folder/dev" 2>/dev/null
    cat "$folder/dev/key.pem" "$folder/dev/certificate.pem" >"$folder/.valet.pem"
    mv "$folder/.valet.pem" "$folder/valet.pem"
    [ "$tls" = dev ] || echo "for now: nobody trusts it, and the real one takes its place"
fi
