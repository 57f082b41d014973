"""/mcp from outside: the door of the chat programs."""

from __future__ import annotations

import re

import httpx2

from valet.doctor.finding import Finding, fault, ok
from valet.doctor.patient import Patient
from valet.doctor.wire import Wire, whose

_BODY = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
_LARGE = 900_000
"""Bytes of a request that Valet takes: it takes 1 MB."""
_METADATA = re.compile(r'resource_metadata="([^"]*)"')


async def look(at: Patient) -> list[Finding]:
    """It refuses whoever has no token, says where to get one, and takes as much as it should."""
    async with Wire(at.origin) as wire:
        answer = await wire.post("/mcp", _BODY)
        if answer is None:
            return []  # that nothing answers is said elsewhere
        found = _challenge(at, answer)
        if found.level != "ok":
            return [found]
        large = await wire.post("/mcp", _BODY + b" " * _LARGE)
    if large is None or large.status_code != 401:
        said = "nothing" if large is None else whose(large)
        return [
            found,
            fault(
                f"/mcp does not take a request of 0.9 MB ({said}): a mail or a document may be as long",
                "in the proxy: client_max_body_size 1m; or more, for /mcp",
            ),
        ]
    return [found]


def _challenge(at: Patient, answer: httpx2.Response) -> Finding:
    expected = f"{at.origin}/.well-known/oauth-protected-resource/mcp"
    if answer.status_code in {502, 503, 504}:
        return fault(
            f"/mcp answers {whose(answer)}: the proxy does not reach a worker",
            "start `valet mcp-server`, and let MCP_1 and MCP_2 of nginx.conf name host and port of each",
        )
    if answer.status_code == 421:
        return fault(
            "/mcp does not get the Host of PUBLIC_URL, or leads to the sidecar",
            "in the proxy: proxy_set_header Host $http_host; and exactly /mcp to mcp_server",
        )
    if answer.status_code != 401:
        return fault(
            f"/mcp answers {whose(answer)} to a request without a token, and should 401",
            "in the proxy: location = /mcp leads to mcp_server, by every method, and asks for no "
            "password itself",
        )
    named = _METADATA.search(answer.headers.get("WWW-Authenticate", ""))
    if named is None:
        return fault(
            "/mcp answers 401 and does not say where a token is to be had",
            "let the proxy pass WWW-Authenticate on, and ask for no password itself",
        )
    if named[1] != expected:
        return fault(
            f"/mcp sends chat programs to {ascii(named[1])[:120]} and not to {expected}",
            "set the same PUBLIC_URL for every process, and restart",
        )
    return ok("/mcp refuses who has no token, and says where one is to be had")
