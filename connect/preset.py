"""Chat clients that the operator names in a file, in the words of RFC 7591.

```json
[{"client_id": "our-agent", "client_name": "Our agent",
  "redirect_uris": ["https://agent.example.org/callback"], "client_secret": "…"}]
```

Without `client_secret` the client is a public one. The file is the truth: these clients are looked up here,
never in the database, so one that is taken out of it gets no more tokens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from connect.names import shown_name
from connect.redirects import several
from connect.regular import NotRegular, regular
from vault.opaque import digest
from vault.store.clients import Client

OWN_PREFIX = "vlt_client_"
"""How the ids begin that we give to clients that register themselves."""

_FIELDS = {"client_id", "client_name", "redirect_uris", "client_secret"}
# RFC 6749 appendix A.1: VSCHAR, here without space, so that an id can be copied.
_ID = re.compile(r"[\x21-\x7e]{1,200}")
_SECRET = re.compile(r"[\x20-\x7e]{32,200}")


def read_preset(path: Path | None) -> dict[str, Client]:
    """The clients of the file at `path` by id; none where there is no path.

    Raises ValueError with a sentence that says which entry is wrong and why, and repeats no value of it.
    """
    if path is None:
        return {}
    try:
        with regular(path) as file:
            given = json.loads(file.read())
    except NotRegular as error:
        raise ValueError(f"the file {error}") from None
    except OSError:
        raise ValueError("the file can't be read") from None
    except (ValueError, RecursionError):
        raise ValueError("the file is not valid JSON") from None
    if not isinstance(given, list):
        raise ValueError("the file must hold a JSON list of clients")  # noqa: TRY004
    clients: dict[str, Client] = {}
    for number, entry in enumerate(given, 1):
        try:
            client = _client(entry)
            if client.id in clients:
                raise ValueError("client_id is used by an entry before it")  # noqa: TRY301
        except ValueError as error:
            raise ValueError(f"entry {number}: {error}") from None
        clients[client.id] = client
    return clients


def _client(entry: object) -> Client:
    if not isinstance(entry, dict):
        raise ValueError("must be a JSON object")  # noqa: TRY004 - one error for every fault of the file
    fields = cast("Mapping[str, object]", entry)
    if not set(fields) <= _FIELDS:
        raise ValueError("may hold only " + ", ".join(sorted(_FIELDS)))
    client_id, secret = fields.get("client_id"), fields.get("client_secret")
    if not isinstance(client_id, str) or not _ID.fullmatch(client_id) or client_id.startswith(OWN_PREFIX):
        raise ValueError(
            f"client_id must be 1 to 200 visible ASCII characters and not begin with {OWN_PREFIX}"
        )
    name = shown_name(fields.get("client_name"), "")
    if not name:
        raise ValueError("client_name is missing: people see it when they are asked")
    if secret is not None and (not isinstance(secret, str) or not _SECRET.fullmatch(secret)):
        raise ValueError("client_secret must be 32 to 200 ASCII characters; leave it out for a public client")
    return Client(
        id=client_id,
        kind="static",
        name=name,
        redirect_uris=several(fields.get("redirect_uris")),
        auth_method="none" if secret is None else "client_secret_basic",
        secret_hash=None if secret is None else digest(secret),
    )
