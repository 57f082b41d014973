"""`valet healthy`: asks a running Valet on this machine whether it is ready. For health checks of containers.

It is started every few seconds, so it loads nothing of what Valet is made of: some thirty milliseconds in
place of a second.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException

_WITHIN = 4.0
"""Seconds. An answer takes two at most, docs/observability.md."""
_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked, not bound


def main() -> int:
    """The exit status: 0 where it is ready, 1 where it is not, 2 where there is nothing to ask."""
    return ask(_settings())


def ask(settings: Mapping[str, str]) -> int:
    """The same, for these settings. Says one line, on stderr where all is not well."""
    port, host = settings.get("VALET_OPS_PORT", ""), settings.get("VALET_OPS_HOST", "127.0.0.1")
    if not port.isdecimal():
        return _tell("there is nothing to ask: VALET_OPS_PORT is not set here. Set it as for valet serve", 2)
    connection = HTTPConnection(_EVERYWHERE.get(host, host), int(port), timeout=_WITHIN)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        words = answer.read(256).decode("ascii", "replace").split()
    except (OSError, HTTPException):
        return _tell(f"nothing answers on port {port}", 1)
    finally:
        connection.close()
    if answer.status != 200:
        return _tell(f"not ready: {', '.join(word for word in words if word.isidentifier())}", 1)
    sys.stdout.write("ready\n")
    return 0


def _settings() -> Mapping[str, str]:
    if os.environ.get("VALET_OPS_PORT"):
        return os.environ
    from dotenv import dotenv_values

    file = {name: value for name, value in dotenv_values(".env").items() if value}
    return {**file, **os.environ}


def _tell(sentence: str, status: int) -> int:
    sys.stderr.write(f"valet: {sentence}\n")
    return status
