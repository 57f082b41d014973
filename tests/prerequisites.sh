#!/bin/sh
# Debian packages that some tests need. With root they are installed; without, one line says what is missing.
set -eu
if command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
    command -v google-chrome >/dev/null 2>&1; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Chromium for the browser tests ..."
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } \
        >/dev/null 2>&1 && exit 0
    if [ -n "${VALET_REQUIRE_CHROMIUM:-}" ]; then
        echo "Chromium could not be installed: run 'apt-get update && apt-get install chromium' and see why." >&2
        exit 1
    fi
fi
echo "Browser tests will be skipped: they need Chromium (Debian: sudo apt-get install chromium)."
