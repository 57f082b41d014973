"""`python -m providers.emulator --port 9009`: the emulator alone, in a process of its own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

try:
    from providers.emulator.clock import Clock
    from providers.emulator.server import listen, serve
    from providers.emulator.world import Unreadable, World
except ModuleNotFoundError as missing:
    if missing.name != "dateutil":
        raise
    sys.exit("The emulator needs the extra `demo`: pip install 'valet[demo]'")


def main() -> int:
    """Parse the command line and serve. The exit status."""
    parser = argparse.ArgumentParser(prog="python -m providers.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=9009, help="0 takes a free one; the ready line names it")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--state", type=Path, help="file that keeps people, grants and tokens over a restart")
    parser.add_argument("--exit-with-stdin", action="store_true", help="stop when stdin ends; ignore Ctrl-C")
    options = parser.parse_args()
    try:
        world = World(Clock(), options.state)
        bound = listen(options.host, options.port)
    except Unreadable as error:
        return _fail(str(error))
    except OSError as error:
        where = f"{options.host}:{options.port}"
        return _fail(
            f"Cannot listen on {where} ({error.strerror}). Stop what listens there, or choose another --port."
        )
    serve(world, bound, by_stdin=options.exit_with_stdin)
    return 0


def _fail(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
