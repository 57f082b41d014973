"""Spotify's OpenAPI file as a judge of requests and answers; nobody on this project wrote it.

    from tests.providers import spec
    contract = spec.spotify()                      # skips the test where the file is absent
    contract.assert_request_valid("GET", "https://api.spotify.com/v1/search?q=x&type=track", headers, b"")
    contract.assert_answer_valid("GET", "/v1/search", 200, headers, body)

The file is used as published but for what tooling and February 2026 ask: no discriminators (they have
no mapping), `/v1` in the paths, deprecated fields not required, errors with a `reason`, and the few
known faults named in `_mend`. Beyond the schema, a second rule: an operation or a field that is
deprecated, or that the file does not know, is not there.
"""

from __future__ import annotations

import copy
import functools
import json
import os
import re
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml
from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

from tests.providers.excuses import excused
from tests.support.loud import MARK

ROOT = Path(__file__).resolve().parents[2]
HOST = "https://api.spotify.com"
METHODS = ("get", "put", "post", "delete")

ABSENT = (
    f"{MARK}: neither our requests to Spotify nor the answers of its emulator were held against Spotify's "
    "OpenAPI file, for it is absent. Set SPOTIFY_OPENAPI_SPEC to fixed-spotify-open-api.yml."
)

REASONS = """
    NO_PREV_TRACK NO_NEXT_TRACK NO_SPECIFIC_TRACK ALREADY_PAUSED NOT_PAUSED NOT_PLAYING_LOCALLY
    NOT_PLAYING_TRACK NOT_PLAYING_CONTEXT ENDLESS_CONTEXT CONTEXT_DISALLOW ALREADY_PLAYING RATE_LIMITED
    REMOTE_CONTROL_DISALLOW DEVICE_NOT_CONTROLLABLE VOLUME_CONTROL_DISALLOW NO_ACTIVE_DEVICE
    PREMIUM_REQUIRED UNKNOWN QUOTA_EXCEEDED
"""
"""Reasons of player errors (no longer in the file) and of the quota (July 2026, not yet in it)."""

Json = dict[str, Any]
UNCHECKED = Config(spec_validator_cls=None)
"""That the file is valid OpenAPI is one test's to say (`check`), not that of each process that reads it."""


def folder() -> Path:
    """Where the Spotify files are: SPOTIFY_OPENAPI_SPEC (the file), else beside the project."""
    given = os.environ.get("SPOTIFY_OPENAPI_SPEC")
    return Path(given).parent if given else ROOT.parent / "shared" / "spec" / "spotify"


def spotify() -> Contract:
    """The contract of api.spotify.com, read once. Skips the test where the file is absent."""
    return available() or pytest.skip(ABSENT)


def available() -> Contract | None:
    """The same, but None where the file is absent: for tests that can go on without a judge."""
    path = _place()
    return _contract(path, whole=True) if path.exists() else None


def of_answers(query: Container[str]) -> Contract | None:
    """The judge of an answer to a request with these parameters, like `available`.

    An answer to `fields` holds only what was asked for: nothing is required of it.
    """
    path = _place()
    return _contract(path, whole="fields" not in query) if path.exists() else None


def _place() -> Path:
    return Path(os.environ.get("SPOTIFY_OPENAPI_SPEC") or folder() / "fixed-spotify-open-api.yml")


@functools.cache
def _document(path: Path) -> Json:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return dict(yaml.load(path.read_text(encoding="utf-8"), Loader=loader))


@functools.cache
def _contract(path: Path, *, whole: bool) -> Contract:
    document = copy.deepcopy(_document(path))
    if not whole:
        for schema in _nodes(document["components"]["schemas"]):
            schema.pop("required", None)
            if "oneOf" in schema:  # a track and an episode look alike without what tells them apart
                schema["anyOf"] = schema.pop("oneOf")
    return Contract(document)


class Contract:
    """One OpenAPI document, mended."""

    def __init__(self, document: Json) -> None:
        self._document = document
        _mend(document)
        self._openapi = OpenAPI.from_dict(document, UNCHECKED)
        patterns = sorted(document["paths"], key=lambda path: path.count("{"))
        self._patterns = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "/?"), path) for path in patterns]

    def check(self) -> None:
        """The document is valid OpenAPI. Raises what openapi-core raises where it is not."""
        OpenAPI.from_dict(self._document)

    # What tests say

    def assert_request_valid(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | str | None = b""
    ) -> None:
        """`url` is the whole address, https://api.spotify.com/v1/…?…"""
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}" == HOST, f"not Spotify's API: {url}"
        operation = self.operation(method, parts.path)
        bearer = {name.lower(): value for name, value in headers.items()}.get("authorization", "")
        assert bearer.startswith("Bearer "), f"{method} {parts.path} carries no bearer token"
        assert not operation.get("deprecated"), f"{method} {parts.path} is deprecated"
        query = parse_qsl(parts.query, keep_blank_values=True)
        known = {
            p["name"] for p in map(self._resolved, operation.get("parameters", [])) if p["in"] == "query"
        }
        assert {name for name, _ in query} <= known, f"{method} {parts.path} takes {known}, not {query}"
        raw = body.encode() if isinstance(body, str) else body or b""
        assert "requestBody" in operation or not raw, f"{method} {parts.path} takes no body"
        request = self._request(method, parts.path, dict(query), headers, raw)
        try:
            self._openapi.validate_request(request)
        except OpenAPIError as error:
            raise AssertionError(f"{method} {url}: {_why(error)}") from error
        strange = [path for path in self._strange_body(operation, raw) if path]
        assert not strange, f"{method} {url}: {strange}"

    def assert_answer_valid(
        self, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        """`path` begins with /v1. The schema holds, and nothing deprecated or unknown is there.

        What the file forbids and Spotify answers all the same is named in `excuses`.
        """
        if status < 300:
            body = excused(method, self.template(path, method), body)
        self.assert_schema_holds(method, path, status, headers, body)
        strange = list(self.strange_fields(method, path, status, body))
        assert not strange, f"{method} {path} {status}: {strange}"

    def assert_schema_holds(
        self, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        """The first half of `assert_answer_valid`: what the file itself says."""
        content_type = {k.lower(): v for k, v in headers.items()}.get("content-type", "")
        response = MockResponse(body, status, dict(headers), content_type.partition(";")[0])
        try:
            self._openapi.validate_response(self._request(method, path, {}, {}, b""), response)
        except OpenAPIError as error:
            raise AssertionError(f"{method} {path} {status}: {_why(error)}") from error

    def strange_fields(self, method: str, path: str, status: int, body: bytes) -> Iterator[str]:
        """Paths of fields that the file calls deprecated, or does not know."""
        answer = self._resolved(self.operation(method, path)["responses"][str(status)])
        schema = answer.get("content", {}).get("application/json", {}).get("schema")
        if schema is not None:
            yield from self._strange(schema, json.loads(body), "")

    def operation(self, method: str, path: str) -> Json:
        """The operation of a concrete path. AssertionError where there is none."""
        return dict(self._document["paths"][self.template(path, method)][method.lower()])

    def template(self, path: str, method: str) -> str:
        """The path as the file writes it, /v1/albums/{id}. AssertionError where it has none."""
        for pattern, name in self._patterns:
            if pattern.fullmatch(path) and method.lower() in self._document["paths"][name]:
                return name
        raise AssertionError(f"Spotify's API has no {method} {path}")

    def operations(self) -> Iterator[tuple[str, str, Json]]:
        """Every (method, path template, operation)."""
        for path, item in self._document["paths"].items():
            for method in METHODS:
                if method in item:
                    yield method.upper(), path, item[method]

    # How

    def _request(
        self, method: str, path: str, query: Json, headers: Mapping[str, str], body: bytes
    ) -> MockRequest:
        lower = {name.lower(): value for name, value in headers.items()}
        content_type = lower.get("content-type", "").partition(";")[0]
        return MockRequest(
            HOST, method, path, args=query, headers=lower, data=body, content_type=content_type
        )

    def _strange_body(self, operation: Json, raw: bytes) -> Iterator[str]:
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content and raw:
            yield from self._strange(content["schema"], json.loads(raw), "")

    def _strange(self, schema: Json, value: Any, at: str) -> Iterator[str]:
        if isinstance(value, list):
            items: Json = next((s["items"] for s in self._flat(schema) if "items" in s), {})
            for index, item in enumerate(value):
                yield from self._strange(items, item, f"{at}[{index}]")
        if not isinstance(value, dict):
            return
        known: dict[str, Json] = {}
        for part in self._flat(schema, value):
            known |= part.get("properties", {})
        for name, inner in value.items() if known else ():
            if name not in known:
                yield f"{at}.{name} is unknown"
            elif known[name].get("deprecated"):
                yield f"{at}.{name} is deprecated"
            else:
                yield from self._strange(known[name], inner, f"{at}.{name}")

    def _flat(self, schema: Json, value: Any = None) -> Iterator[Json]:
        """A schema and everything it is composed of; of alternatives the one `value` belongs to."""
        schema = self._resolved(schema)
        yield schema
        for part in schema.get("allOf", []):
            yield from self._flat(part, value)
        for part in [*schema.get("oneOf", []), *schema.get("anyOf", [])]:
            flat = list(self._flat(part, value))
            kinds = [k for s in flat for k in s.get("properties", {}).get("type", {}).get("enum", [])]
            if not kinds or (isinstance(value, dict) and value.get("type") in kinds):
                yield from flat

    def _resolved(self, node: Json) -> Json:
        while "$ref" in node:
            target: Any = self._document
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = target
        return node


def _why(error: BaseException) -> str:
    """The innermost causes: openapi-core wraps them twice."""
    causes = getattr(error.__cause__ or error, "schema_errors", None)
    if causes is not None:
        return "; ".join(
            f"{'/'.join(map(str, cause.absolute_path))}: {cause.message[:200]}" for cause in causes
        )
    return str(error.__cause__ or error)


def _mend(document: Json) -> None:
    """The treatment, in place. Faults of the file are named where they are mended."""
    for node in list(_nodes(document)):
        node.pop("discriminator", None)
        node.pop("security", None)  # openapi-core checks no OAuth; assert_request_valid looks for the bearer
    document["servers"] = [{"url": HOST}]
    document["paths"] = {f"/v1{path}": item for path, item in document["paths"].items()}
    schemas = document["components"]["schemas"]
    _forget_deprecated(schemas)
    schemas["ErrorObject"]["properties"]["reason"] = {"type": "string", "enum": REASONS.split()}
    for name in ("CurrentlyPlayingContextObject", "CurrentlyPlayingObject"):
        _nullable(schemas[name]["properties"], "item")  # "Can be null", says its description
        _nullable(schemas[name]["properties"], "context")  # null while loose tracks play
        disallows = {"type": "object", "properties": {"disallows": schemas[name]["properties"]["actions"]}}
        schemas[name]["properties"]["actions"] = (
            disallows  # every real answer has this level; the file has not
        )
    _nullable(schemas["QueueObject"]["properties"], "currently_playing")  # "Can be null" as well
    _nullable(schemas["PlayHistoryObject"]["properties"], "context")  # null for a loose track, as above
    cursors = schemas["CursorPagingObject"]["properties"]
    _nullable(cursors, "cursors")  # null where nothing was found
    cursors["next"]["nullable"] = True  # null on the last page, as in PagingObject
    schemas["CursorObject"]["properties"]["after"]["nullable"] = True  # the same
    schemas["ChapterBase"]["properties"]["type"]["enum"] = ["chapter"]  # so every real answer, not `episode`
    followers = schemas["FollowersObject"]["properties"]["href"]
    followers["nullable"] = True  # "This will always be set to null", says its description
    cover = document["paths"]["/v1/playlists/{playlist_id}/images"]["put"]["requestBody"]["content"]
    cover["image/jpeg"][
        "schema"
    ] = {}  # a string, says the file; the validator takes only bytes from the wire
    _answers(document)


def _answers(document: Json) -> None:
    """What every operation may answer besides what the file lists, and what the player does."""
    error = document["components"]["responses"]["Unauthorized"]["content"]
    for path, item in document["paths"].items():
        for method in METHODS:
            responses = item.get(method, {}).get("responses", {})
            for answer in responses.values():  # some list the error without the level around it
                wrong = answer.get("content", {}).get("application/json", {}).get("schema")
                if wrong == {"$ref": "#/components/schemas/ErrorObject"}:
                    answer["content"] = error
            for status in ("400", "404", "405", "500", "501", "502", "503"):
                responses.setdefault(status, {"description": "Error", "content": error})
            if path.endswith("/images"):  # observed: the answer of the front, not of the API
                responses.setdefault("413", {"description": "More than 256 KB"})
            if path.startswith("/v1/me/player"):
                responses.setdefault("204", {"description": "Nothing is active, or done"})
                responses.setdefault("411", {"description": "Length Required"})
                if method != "get":  # observed since 2024: 200 and a token that is no JSON
                    responses.setdefault("200", {"description": "Done"})


def _forget_deprecated(schemas: Json) -> None:
    """An app in development mode does not get deprecated fields: they cannot be required."""
    for schema in schemas.values():
        parts = [schema, *schema.get("allOf", [])]
        gone = {
            name
            for part in parts
            for name, field in part.get("properties", {}).items()
            if field.get("deprecated")
        }
        for part in parts:
            if "required" in part:
                part["required"] = [name for name in part["required"] if name not in gone]
                if not part["required"]:
                    del part["required"]


def _nullable(properties: Json, name: str) -> None:
    schema = properties[name]
    nothing = {"enum": [None], "nullable": True}
    alternatives = schema.pop("oneOf", None) or schema.pop("allOf", None) or schema.pop("anyOf")
    schema["anyOf"] = [*alternatives, nothing]


def _nodes(node: Any) -> Iterator[Json]:
    if isinstance(node, dict):
        yield node
        for inner in node.values():
            yield from _nodes(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _nodes(inner)
