"""The documents that chat programs look for, at every place where one of them looks (RFC 8414, RFC 9728)."""

from __future__ import annotations

import asyncio
import json

from connect.metadata import RESOURCE_PATHS, SERVER_PATHS
from valet.doctor.finding import Finding, fault, ok
from valet.doctor.patient import Patient
from valet.doctor.wire import Wire, whose

_PROXY = (
    "in the proxy: every address but exactly /mcp to the sidecar, /.well-known/ too (all but acme-challenge)"
)
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint")


async def look(at: Patient) -> list[Finding]:
    """Each document is there, is ours and says PUBLIC_URL letter by letter."""
    async with Wire(at.origin) as wire:
        paths = (*SERVER_PATHS, *RESOURCE_PATHS)
        answers = await asyncio.gather(*(_fault(at, wire, path) for path in paths))
    found = [each for each in answers if each is not None]
    if any(each.text == "" for each in found):
        return []  # nothing answers at all, which is said elsewhere
    merged: dict[tuple[str, str], list[str]] = {}
    for path, each in zip(paths, answers, strict=True):
        if each is not None:
            merged.setdefault((each.text, each.fix), []).append(path)
    if not merged:
        return [ok(f"{len(paths)} documents, and all of them name {at.origin}")]
    return [fault(f"{_places(where)} {text}", fix) for (text, fix), where in merged.items()]


def _places(paths: list[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"


async def _fault(at: Patient, wire: Wire, path: str) -> Finding | None:
    answer = await wire.get(path)
    if answer is None:
        return Finding("note", "")
    if answer.status_code != 200:
        return fault(f"answers {whose(answer)}", _PROXY)
    try:
        document = json.loads(answer.content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return fault("is no JSON: somebody else answers", _PROXY)
    if answer.headers.get("Access-Control-Allow-Origin") != "*":
        return fault(
            "comes without Access-Control-Allow-Origin: chats in a browser can't read it",
            "let the proxy pass Valet's own headers on",
        )
    return _wrong(at.origin, document, path in RESOURCE_PATHS)


def _wrong(origin: str, document: dict[str, object], resource: bool) -> Finding | None:
    said: dict[str, tuple[object, object]] = {
        "issuer": (document.get("issuer"), origin),
        **{name: (document.get(name), f"{origin}/{_last(document.get(name))}") for name in _ENDPOINTS},
    }
    if resource:
        said = {
            "resource": (document.get("resource"), f"{origin}/mcp"),
            "authorization_servers": (document.get("authorization_servers"), [origin]),
        }
    for name, (found, wanted) in said.items():
        if found != wanted:
            return fault(
                f"says {name} {ascii(found)[:120]}, and chat programs compare it with {origin} "
                "letter by letter",
                f"PUBLIC_URL={origin} for every process (no slash at its end), and no rewriting in the proxy",
            )
    return None


def _last(value: object) -> str:
    return str(value).rpartition("/")[2]
