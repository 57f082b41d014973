"""What libraries work out again and again with the same end is worked out once in a run of the tests.

Nothing of ours is touched, and nothing is left out: the first time all of it is done.

- httpx2 reads the machine's certificates for each client that is made, though nearly all of those speak plain
  http on loopback: about 20 ms each time.
- A chat program of the SDK checks the schema of a tool's results in each conversation: always the same one.
"""

from __future__ import annotations

import functools
import json
import os
import ssl
from typing import Any

import httpcore2
import jsonschema


def begin() -> None:
    """From now on, in this process."""
    httpcore2.default_ssl_context = _reading_once(httpcore2.default_ssl_context)
    jsonschema.Draft202012Validator.check_schema = _checking_once(
        jsonschema.Draft202012Validator.check_schema
    )


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
