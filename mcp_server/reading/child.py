"""The process that parses one file, and then ends: `python -I -m mcp_server.reading.child`.

A line of JSON and the file come in on stdin, a line of JSON goes out. It has no secrets (it is a fresh
program with an empty environment), opens no socket, writes no file, and the kernel ends it when it takes
more memory or processor time than any honest file needs.
"""

from __future__ import annotations

import json
import logging
import resource
import sys

MEMORY = 768 * 1024 * 1024
SECONDS = 15


def main() -> None:
    """Read one file and say what is in it; `trouble` says why nothing is."""
    _confine()
    head = json.loads(sys.stdin.buffer.readline())
    body = sys.stdin.buffer.read()
    sys.stdout.write(json.dumps(_read(head, body)))


def _confine() -> None:
    """Limits before the first byte of the file is looked at (setrlimit(2))."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    logging.disable()
    sys.setrecursionlimit(500)


def _read(head: dict[str, str], body: bytes) -> dict[str, str]:
    # After the limits: what parses comes under them, from its first line on.
    from mcp_server.reading.formats import Unreadable, text_of
    from mcp_server.reading.kinds import kind_of
    from mcp_server.reading.letters import visible

    kind = kind_of(body, head["kind"], head["name"])
    if kind is None:
        return {"trouble": "unsupported"}
    try:
        return {"kind": kind, "text": visible(text_of(body, kind))}
    except Unreadable as reason:
        return {"trouble": str(reason)}
    except (MemoryError, RecursionError):
        return {"trouble": "too_large"}
    except Exception:  # noqa: BLE001 - a parser met what nobody foresaw; the parent says so
        return {"trouble": "damaged"}


if __name__ == "__main__":
    main()
