"""Everything this room is given, in one value."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from mcp_server.buckets import Buckets
from mcp_server.ladder import Patience, Sleep
from mcp_server.polls import Polls
from mcp_server.ports import (
    Approvals,
    ConnectLinks,
    Diary,
    Directory,
    FileLinks,
    Secrets,
    TokenCheck,
    Witness,
)
from mcp_server.reading.reader import Reader
from mcp_server.tally import Tally
from providers.http import Http
from providers.spans import Spans


@dataclass(frozen=True, slots=True)
class House:
    """The dependencies of the MCP server, passed in by the composition root.

    `public_url` has no trailing slash; the issuer is the same URL, the resource is `public_url/mcp`.
    `request_state_keys` seal what a client carries between two rounds (the first one seals, all open),
    `session_key` signs legacy session ids; both are 32 bytes of `Vault.derive`. `origins` are browser
    origins allowed beside our own. `pause` waits between looks at a player. `buckets` bound what one
    grant may ask, `polls` which looks of a page are noted. `reader` makes text of files. `tally`
    counts calls, `spans` traces them.
    """

    public_url: str
    version: str
    tokens: TokenCheck
    vault: Secrets
    links: ConnectLinks
    files: FileLinks
    approvals: Approvals
    directory: Directory
    http: Http
    diary: Diary
    witness: Witness
    request_state_keys: tuple[bytes, ...] = field(repr=False)
    session_key: bytes = field(repr=False)
    buckets: Buckets = field(default_factory=Buckets)
    polls: Polls = field(default_factory=Polls)
    origins: tuple[str, ...] = ()
    tally: Tally = field(default_factory=Tally)
    spans: Spans = field(default_factory=Spans)
    reader: Reader = field(default_factory=Reader)
    patience: Patience = field(default_factory=Patience)
    pause: Sleep = asyncio.sleep

    @property
    def resource(self) -> str:
        """The audience of every token accepted here (RFC 8707)."""
        return f"{self.public_url}/mcp"

    @property
    def metadata_url(self) -> str:
        """Where our protected resource metadata stands (RFC 9728 §3.1)."""
        return f"{self.public_url}/.well-known/oauth-protected-resource/mcp"
