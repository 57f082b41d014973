#!/bin/sh
# A copy of the key ring whenever it has changed: keyring.sh RING FOLDER. No copy is ever removed: each of them opens
# dumps of its time, and they are small.
set -eu
umask 077
ring=${1:?the key ring}
folder=${2:?the folder of the copies}

copy() {
    name=keyring-$(date -u +%Y%m%dT%H%M%SZ).json
    # The newest up to now: of a clock that was wrong there may be one of a time to come.
    newest=$({ ls -1 "$folder"; echo "$name~"; } | grep '^keyring-[0-9TZ]*\.json~*$' | sort | sed '/~/,$d' | tail -n 1)
    [ -z "$newest" ] || ! cmp -s "$ring" "$folder/$newest" || return 0
    # Each step by itself: `set -e` is off in a function that stands before `||`.
    cp "$ring" "$folder/.part" || return 1
    # The ring is replaced as a whole, so a copy is one or the other; one that is none is not kept.
    python -c 'import json, sys; json.load(open(sys.argv[1]))["keys"]' "$folder/.part" 2>/dev/null || return 1
    mv "$folder/.part" "$folder/$name" || return 1
    echo "key ring  copied as $name"
}

[ "${3:-}" != now ] || { copy; exit; }
trap 'exit 0' TERM INT
while :; do
    [ ! -e "$ring" ] || copy || echo "key ring  could not be copied; it is tried again in a minute" >&2
    sleep "${VALET_BACKUP_LOOK:-60}" &
    wait $!
done
