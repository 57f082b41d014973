#!/bin/sh
# What some tests need beyond pip: Debian packages and npm packages. Debian packages are installed only with root;
# without, one line says what is missing. With the word `proof`, also what `make proof` needs.
set -eu

# package, what needs it
fetch() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
    echo "Installing $1 for $2 ..."
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1"; } \
        >/dev/null 2>&1
}

# package, what needs it, "" or what makes its absence an error
install() {
    fetch "$1" "$2" && return
    if [ -n "$3" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "$1 could not be installed: run 'apt-get update && apt-get install $1' and see why." >&2
        exit 1
    fi
    echo "Skipped will be $2: they need $1 (Debian: sudo apt-get install $1)."
}

# Any Chromium will do; this one has no windows, and takes a third of the work.
command -v chromium-headless-shell >/dev/null 2>&1 || fetch chromium-headless-shell "the browser tests" ||
    command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
    command -v google-chrome >/dev/null 2>&1 ||
    install chromium "the browser tests" "${VALET_REQUIRE_CHROMIUM:-}"

ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 ||
    install libfaketime "the tests of hosts whose clocks differ" "${VALET_REQUIRE_FAKETIME:-}"

command -v nginx >/dev/null 2>&1 || [ -x /usr/sbin/nginx ] ||
    install nginx-light "the tests through nginx" "${VALET_REQUIRE_TOWN:-}"

command -v pgbouncer >/dev/null 2>&1 || [ -x /usr/sbin/pgbouncer ] ||
    install pgbouncer "the tests through PgBouncer" "${VALET_REQUIRE_TOWN:-}"

# Of PostgreSQL only the programs: the tests make clusters of their own.
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || {
    [ "$(id -u)" = 0 ] && mkdir -p /etc/postgresql-common &&
        { [ -e /etc/postgresql-common/createcluster.conf ] ||
            echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf; }
    install postgresql "the tests on Debian's PostgreSQL" "${VALET_REQUIRE_TOWN:-}"
}

command -v busybox >/dev/null 2>&1 ||
    install busybox "the tests of nginx.sh in the image's shell" "${VALET_REQUIRE_TOWN:-}"

command -v bwrap >/dev/null 2>&1 ||
    install bubblewrap "the tests of the image and of compose.yaml" "${VALET_REQUIRE_TOWN:-}"

command -v promtool >/dev/null 2>&1 ||
    install prometheus "the check of alerts by promtool" "${VALET_REQUIRE_TOWN:-}"

# What only the long proofs need: a small Debian with an engine in it, and its way out.
[ "${1:-}" != proof ] || {
    command -v debootstrap >/dev/null 2>&1 || [ -x /usr/sbin/debootstrap ] ||
        install debootstrap "the compose file in a Docker engine" ""
    command -v slirp4netns >/dev/null 2>&1 || install slirp4netns "the compose file in a Docker engine" ""
    command -v ip >/dev/null 2>&1 || [ -x /usr/sbin/ip ] || install iproute2 "the compose file in a Docker engine" ""
}

[ -f "${VALET_WYCHEPROOF:-../shared/spec/wycheproof}/aes_gcm_test.json" ] ||
    echo "Skipped will be Wycheproof's vectors: set VALET_WYCHEPROOF to testvectors_v1 of github.com/C2SP/wycheproof."

[ -f "${SPOTIFY_OPENAPI_SPEC:-../shared/spec/spotify/fixed-spotify-open-api.yml}" ] ||
    echo "Nothing of Spotify will be judged by its OpenAPI file, nor by real answers: set SPOTIFY_OPENAPI_SPEC to it."

.venv/bin/python -m tests.support.node
