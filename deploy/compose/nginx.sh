#!/bin/sh
# nginx with the template filled in: nginx.sh TEMPLATE. When the certificate changes, it is read anew.
# Everything that is written lies in /tmp, or in the folder that a second word names. Where a third one is `check`, it
# ends there: nginx.conf is written, and nginx would take it.
set -euf
umask 077
template=${1:?the template}
folder=${2:-/tmp}

refuse() {
    printf 'TRUSTED_PROXY (VALET_FRONT_PROXY in .env): "%s" %s. Then: docker compose up -d, or apply your overlay\n' \
        "$entry" "$1" >&2
    exit 2
}

# Ends where $entry is not an address or a network: nginx would ask DNS for a name, and read what follows a semicolon as
# configuration. Taken is what VALET_TRUSTED_PROXIES takes (connect/address.py), in the usual spellings.
judge() {
    strange="is not an address or a network. Write it as 10.0.0.7, 10.0.0.0/8 or 2001:db8::/32"
    address=${entry%%/*}
    case $address in
    # A last part that is empty would get lost below.
    *[!0-9A-Fa-f:.]* | *. | *[!:]:) refuse "$strange" ;;
    *:*) count=8 width=16 base=0x shape=%x: IFS=: ;;
    *) count=4 width=8 base='' shape=%d. IFS=. ;;
    esac
    case $address in
    *::*)
        # For one group at least, and as many as are missing.
        zeros=0
        set -- ${address%%::*} ${address#*::}
        while [ $(($# + (${#zeros} + 1) / 2)) -lt 8 ]; do zeros=0:$zeros; done
        set -- ${address%%::*} $zeros ${address#*::}
        ;;
    *) set -- $address ;;
    esac
    unset IFS
    [ $# = $count ] || refuse "$strange"
    length=$((count * width))
    case $entry in
    */*) length=${entry#*/} ;;
    esac
    case $length in
    0) refuse "would let anybody pass for anybody. Write the addresses of your proxy" ;;
    '' | 0* | *[!0-9]* | ????*) refuse "$strange" ;;
    esac
    [ "$length" -le $((count * width)) ] || refuse "$strange"
    given='' first='' left=$length
    for part; do
        case $base$part in
        *.*) refuse "$strange" ;;
        0x? | 0x?? | 0x??? | 0x????) ;;
        [0-9] | [1-9][0-9] | [12][0-9][0-9]) [ "$part" -le 255 ] || refuse "$strange" ;;
        *) refuse "$strange" ;;
        esac
        free=$((left <= 0 ? width : left < width ? width - left : 0))
        given="$given $(($base$part))" first="$first $(($base$part >> free << free))" left=$((left - width))
    done
    [ "$given" = "$first" ] || refuse \
        "names an address inside a network. Write $(printf "$shape" $first | sed 's|.$||')/$length if you mean all of it"
}

networks() {
    for entry in $(printf '%s' "$1" | tr ',\r' '  '); do
        judge
        echo "$entry"
    done
}

fill() {
    for name in $(grep -o '\${[A-Z0-9_]*}' "$template" | tr -d '${}' | sort -u); do
        eval "value=\${$name?is not set}"
        [ "$name" = TRUSTED_PROXY ] || printf 's|${%s}|%s|g\n' "$name" "$value"
    done
    # Its line stands there once for each network, and not at all where there is none.
    trusted=$(networks "${TRUSTED_PROXY:-}")
    printf '/${TRUSTED_PROXY}/{\nh\n'
    for network in $trusted; do printf 's|${TRUSTED_PROXY}|%s|p\ng\n' "$network"; done
    printf 'd\n}\n'
}
fill >"$folder/fill.sed"
sed -f "$folder/fill.sed" "$template" >"$folder/nginx.conf"
# nginx makes the folders of its own, but not below one that is missing.
nginx -p "$folder" -c "$folder/nginx.conf" -t -q
[ "${3:-}" != check ] || exit 0

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
