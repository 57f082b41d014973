"""The same call as google-api-python-client makes it, code nobody here wrote: its URI and body beside ours.

    twin.assert_same(contract, "GET", "https://gmail.googleapis.com/gmail/v1/users/me/labels", headers, b"")

The call is told by its method and parameters only, as the discovery document has them, and the library
builds the request from those. What must be the same: verb, path to the last sign, query in any order, JSON,
media. Beyond that it refuses what no method takes, and what lacks a parameter.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httplib2
from googleapiclient.discovery import build
from googleapiclient.http import HttpRequest, MediaInMemoryUpload

from tests.providers.discovery import Contract

Json = dict[str, Any]
DEFAULTS = {("alt", "json")}
"""The library says this with every call, and Google takes it for granted."""


def assert_same(
    contract: Contract, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
) -> None:
    """AssertionError where the library would ask otherwise, or not at all."""
    lower = {name.lower(): value for name, value in headers.items()}
    data, media = _parted(lower.get("content-type", ""), body)
    try:
        theirs = asked(contract, method, url, data, media)
    except TypeError as error:
        raise AssertionError(f"{method} {url}: google-api-python-client says: {error}") from None
    assert theirs.method == method, f"{method} {url}: not {theirs.method}"
    for part, one, other in zip(("address", "path", "query"), _pieces(url), _pieces(theirs.uri), strict=True):
        assert one == other, f"{method} {url}: google-api-python-client has the {part} {other}, not {one}"
    their_body = theirs.body.encode() if isinstance(theirs.body, str) else theirs.body or b""
    their_data, their_media = _parted(theirs.headers.get("content-type", ""), their_body)
    assert (data or {}) == (their_data or {}), f"{method} {url}: not the body {their_body[:300]!r}"
    assert media == their_media, f"{method} {url}: not the same media"


def asked(
    contract: Contract, method: str, url: str, data: Json | None, media: tuple[str, bytes] | None
) -> HttpRequest:
    """The library's request for the same method and parameters."""
    parts = urlsplit(url)
    operation = contract.operation(method, parts.path)
    known = {**contract.common, **operation.get("parameters", {})}
    given: Json = dict(contract.within(operation, parts.path))
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        value = text == "true" if known.get(name, {}).get("type") == "boolean" else text
        if known.get(name, {}).get("repeated"):
            given.setdefault(name, []).append(value)
        else:
            given[name] = value
    if given.get("uploadType") == "resumable":  # its beginning: the media come later, in pieces
        del given["uploadType"]
        given["media_body"] = MediaInMemoryUpload(
            b"later", mimetype="application/octet-stream", resumable=True
        )
    _, *way, name = operation["id"].split(".")
    fetching = given.pop("alt", "json") == "media"
    if media is not None:
        given.pop("uploadType", None)
        given["media_body"] = MediaInMemoryUpload(media[1], mimetype=media[0])
    if "request" in operation and data is not None:
        given["body"] = data
    resource = _resource(contract.name, *way)
    request: HttpRequest = getattr(resource, f"{name}_media" if fetching else name)(**given)
    return request


@functools.cache
def _resource(name: str, *way: str) -> Any:
    """An API, or what it has under these names: made once, for it holds nothing of a call."""
    if way:
        return getattr(_resource(name, *way[:-1]), way[-1])()
    api, version = name.split(".")
    # As the library has it, from the document it carries; it never asks anybody.
    return build(api, version, http=httplib2.Http(), static_discovery=True, cache_discovery=False)


def _pieces(url: str) -> tuple[str, str, list[tuple[str, str]]]:
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair not in DEFAULTS]
    return f"{parts.scheme}://{parts.netloc}", parts.path, sorted(query)


def _parted(sort: str, body: bytes) -> tuple[Json | None, tuple[str, bytes] | None]:
    """The JSON of a body, and the media in it or instead of it."""
    if not body:
        return None, None
    if sort.startswith("application/json"):
        return json.loads(body), None
    if not sort.startswith("multipart/related"):
        return None, (sort.partition(";")[0], body)
    boundary = BytesParser().parsebytes(b"Content-Type: " + sort.encode() + b"\r\n\r\n").get_boundary() or ""
    cut = b"--" + boundary.encode()
    first, second = (_section(section) for section in body.split(cut)[1:3])
    return json.loads(first[1]), second


def _section(section: bytes) -> tuple[str, bytes]:
    """Media type and content of one part, between line ends of either kind."""
    end = b"\r\n" if section.startswith(b"\r\n") else b"\n"
    head, _, content = section.removeprefix(end).removesuffix(end).partition(end * 2)
    lines = dict(line.lower().split(b": ", 1) for line in head.split(end))
    return lines[b"content-type"].decode().partition(";")[0], content
