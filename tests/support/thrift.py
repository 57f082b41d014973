"""What is worked out again and again with the same end is worked out once in a process of the tests.

Nothing is left out: the first time all of it is done.

- httpx2 reads the machine's certificates for each client that is made, though nearly all of those speak plain
  http on loopback: about 20 ms each time.
- A chat program of the SDK checks the schema of a tool's results in each conversation: always the same one.
- A server makes a tool of each function, which is most of its start: half a second. They say what there is
  and hold nothing.
- The collector of garbage looks again and again at all that was imported and found to be tests, which never
  is any.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import ssl
from typing import Any

import httpcore2
import jsonschema

import mcp_server.index
import mcp_server.toolbox
from mcp_server.toolbox import Toolbox
from mcp_server.tools import MODULES


def begin() -> None:
    """From now on, in this process."""
    gc.set_threshold(10_000, 10, 10)
    _once()


def _once() -> None:
    httpcore2.default_ssl_context = _reading_once(httpcore2.default_ssl_context)
    jsonschema.Draft202012Validator.check_schema = _checking_once(
        jsonschema.Draft202012Validator.check_schema
    )
    mcp_server.toolbox._build = functools.cache(mcp_server.toolbox._build)


def beforehand() -> None:
    """Work out what a server does at its start, for those who will be copies of this process."""
    _once()
    Toolbox(MODULES)
    mcp_server.index.titles()
    httpcore2.default_ssl_context()


def settle() -> None:
    """All that is there now stays: none of it is looked at for garbage any more."""
    gc.collect()
    gc.freeze()


def _reading_once(read: Any) -> Any:
    @functools.cache
    def kept(trust_env: bool, *_places: str | None) -> ssl.SSLContext:
        context: ssl.SSLContext = read(_trust_env=trust_env)
        return context

    def context(*, _trust_env: bool = True) -> ssl.SSLContext:
        return kept(_trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))

    return context


def _checking_once(check: Any) -> Any:
    good: set[str] = set()

    def checked(schema: Any) -> None:
        """Raises SchemaError, each time, where it is none."""
        text = json.dumps(schema)
        if text not in good:
            check(schema)
            good.add(text)

    return checked
