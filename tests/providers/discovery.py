"""Google's discovery documents as a judge of requests and answers; nobody on this project wrote them.

    from tests.providers import discovery
    contract = discovery.google("calendar.v3")
    contract.assert_request_valid("GET", "https://www.googleapis.com/calendar/v3/…", headers, b"", scopes)
    contract.assert_answer_valid("GET", "/calendar/v3/…", 200, headers, body)
    discovery.of("https://gmail.googleapis.com/gmail/v1/users/me/labels")  # the contract of an address

They stand inside google-api-python-client, for every API of Google's. What they say is held to: route,
query parameters, body, scopes (any of a method's), answers. Beyond them: no unknown field anywhere, no
read-only field in a request, what `fields` selects exists, and errors have Google's shape.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Json = dict[str, Any]
WHOLE_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
DIGITS = {"int64": r"-?\d+", "uint64": r"\d+"}
ERROR = {"code", "message", "errors", "status", "details"}
APIS = (
    "calendar.v3",
    "gmail.v1",
    "drive.v3",
    "docs.v1",
    "sheets.v4",
    "tasks.v1",
    "people.v1",
    "youtube.v3",
)
"""The APIs that our tools call."""
WRITTEN = {"drive.permissions.create emailAddress", "drive.permissions.create domain"}
"""Fields that a document calls read-only and the method needs: whom to share with
(developers.google.com/workspace/drive/api/guides/manage-sharing)."""
ONE_ERROR = {"domain", "reason", "message", "location", "locationType", "extendedHelp", "debugInfo"}


@functools.cache
def google(api: str) -> Contract:
    """The contract of an API such as `calendar.v3`, read once."""
    folder = importlib.resources.files("googleapiclient") / "discovery_cache" / "documents"
    return Contract(json.loads((folder / f"{api}.json").read_text(encoding="utf-8")))


def of(url: str) -> Contract:
    """The contract of the API that an address belongs to. AssertionError where it is of none."""
    parts = urlsplit(url)
    for api in APIS:
        contract = google(api)
        if f"{parts.scheme}://{parts.netloc}" == contract.origin and contract.has(parts.path):
            return contract
    raise AssertionError(f"no API of ours has {url}")


class Contract:
    """One discovery document."""

    def __init__(self, document: Json) -> None:
        self.name = f"{document['name']}.{document['version']}"
        base = urlsplit(document["baseUrl"])
        self.origin = f"{base.scheme}://{base.netloc}"
        self.base = document["baseUrl"]
        self._root = base.path
        self._schemas: dict[str, Json] = document.get("schemas", {})
        self.common: dict[str, Json] = document.get("parameters", {})
        self._routes: list[tuple[str, re.Pattern[str], Json]] = []
        for method in _methods(document):
            paths = [base.path + (method.get("flatPath") or method["path"])]
            protocols = method.get("mediaUpload", {}).get("protocols", {})
            paths += [protocol["path"] for protocol in protocols.values()]
            self._routes += [(method["httpMethod"], _pattern(path), method) for path in paths]
        # Of two that fit, the one with more words of its own: `…:batchUpdate` before `{documentId}`.
        self._routes.sort(key=lambda route: -len(re.sub(r"\(\?P<.+?>.+?\)", "", route[1].pattern)))

    # What tests say

    def assert_request_valid(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | str | None = b"",
        scopes: Iterable[str] = (),
    ) -> None:
        """`url` is the whole address, `scopes` what the token holds."""
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}" == self.origin, f"not {self.origin}: {url}"
        operation, values = self._routed(method, parts.path)
        lower = {name.lower(): value for name, value in headers.items()}
        assert lower.get("authorization", "").startswith("Bearer "), f"{method} {url} carries no bearer token"
        accepted = operation.get("scopes", [])
        assert not accepted or set(accepted) & set(scopes), (
            f"{operation['id']} wants one of {accepted}, not {list(scopes)}"
        )
        faults = list(self._query(operation, parts.query, values))
        raw = body.encode() if isinstance(body, str) else body or b""
        faults += self._body(operation, lower.get("content-type", ""), raw)
        assert not faults, f"{method} {url}: {faults}"

    def assert_answer_valid(
        self,
        method: str,
        path: str,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        media: bool = False,
    ) -> None:
        """`path` is the whole path, such as /calendar/v3/users/me/calendarList.

        `media`: it was asked for with alt=media, so what comes back is the thing itself and no description.
        """
        operation = self.operation(method, path)
        if status < 300 and _is_media(operation, media):
            return
        lower = {name.lower(): value for name, value in headers.items()}
        if not body:
            empty = status in {204, 304} or (status < 300 and "response" not in operation)
            assert empty, f"{method} {path} {status}: no body"
            return
        assert lower.get("content-type", "").startswith("application/json"), f"{path}: {lower}"
        value = json.loads(body)
        if status >= 300:
            faults = list(_error(value, status))
        else:
            assert "response" in operation, f"{method} {path} {status} answers nothing, not {value}"
            faults = list(self._strange(operation["response"], value, ""))
        assert not faults, f"{method} {path} {status}: {faults}"

    def has(self, path: str) -> bool:
        """Whether any of its methods has that path."""
        return any(pattern.fullmatch(path) for _, pattern, _ in self._routes)

    def accepted(self, method: str, path: str) -> list[str]:
        """The scopes of which one opens a path."""
        found: list[str] = self.operation(method, path).get("scopes", [])
        return found

    def operation(self, method: str, path: str) -> Json:
        """The method of a concrete path. AssertionError where there is none."""
        return self._routed(method, path)[0]

    def operations(self) -> Iterator[Json]:
        """Every method, each once."""
        seen: set[str] = set()
        for _, _, method in self._routes:
            if method["id"] not in seen:
                seen.add(method["id"])
                yield method

    def within(self, operation: Json, path: str) -> dict[str, str]:
        """The parameters in a path, by the names the method itself has for them (`resourceName`)."""
        protocols = operation.get("mediaUpload", {}).get("protocols", {}).values()
        for template in (self._root + operation["path"], *(protocol["path"] for protocol in protocols)):
            found = _pattern(template).fullmatch(path)
            if found:
                return {name: unquote(value) for name, value in found.groupdict().items()}
        raise AssertionError(f"{operation['id']} has not the path {path}")

    # How

    def _routed(self, method: str, path: str) -> tuple[Json, dict[str, str]]:
        """The method of a concrete path, and the parameters in it. AssertionError where there is none."""
        for verb, pattern, operation in self._routes:
            found = pattern.fullmatch(path)
            if verb == method and found:
                return operation, {name: unquote(value) for name, value in found.groupdict().items()}
        raise AssertionError(f"there is no {method} {path}")

    def _query(self, operation: Json, query: str, values: dict[str, str]) -> Iterator[str]:
        """What is wrong with the parameters, of query and path."""
        known = {**self.common, **operation.get("parameters", {})}
        given: dict[str, list[str]] = {}
        for name, value in parse_qsl(query, keep_blank_values=True):
            given.setdefault(name, []).append(value)
        for name, parameter in known.items():
            if parameter.get("location") == "query" and parameter.get("required") and name not in given:
                yield f"{name} is missing"
        for name, texts in given.items():
            parameter = known.get(name, {})
            if parameter.get("location") != "query":
                yield f"{name} is unknown"
                continue
            if len(texts) > 1 and not parameter.get("repeated"):
                yield f"{name} is given twice"
            for text in texts:
                yield from _parameter(name, parameter, text)
        for name, value in values.items():
            yield from _parameter(name, known.get(name, {}), value)
        for text in given.get("fields", []):
            yield from self._selection(operation, text)

    def _selection(self, operation: Json, text: str) -> Iterator[str]:
        """What `fields` asks for that the answer has not."""
        outer: list[Json | None] = []
        base: Json | None = operation.get("response", {})
        at = base
        for token in re.findall(r"[\w*@.$-]+|[(),]", text):
            if token == "(":
                outer.append(base)
                base = at
            elif token == ")":
                base = outer.pop()
            elif token == ",":
                at = base
            elif at is not None:  # beneath a `*` anything may stand
                properties = self._within(at)
                if token != "*" and token not in properties:
                    yield f"fields: there is no {token}"
                at = properties.get(token)

    def _within(self, schema: Json) -> Json:
        """The properties of an object, or of the objects in a list."""
        schema = self._resolved(schema)
        while schema.get("type") == "array":
            schema = self._resolved(schema["items"])
        found: Json = schema.get("properties", {})
        return found

    def _body(self, operation: Json, content_type: str, raw: bytes) -> Iterator[str]:
        if "request" not in operation:
            if raw and not operation.get("supportsMediaUpload"):
                yield "it takes no body"
            return
        uploaded = content_type.startswith("multipart/related")
        if uploaded:
            raw = _first_part(raw)
        elif not content_type.startswith("application/json"):
            if not operation.get("supportsMediaUpload"):
                yield f"Content-Type is {content_type or 'missing'}"
            return
        value = json.loads(raw)
        removing = operation["httpMethod"] == "PATCH"
        faults = self._strange(operation["request"], value, "", asked=operation["id"], nulls=removing)
        # A message that is uploaded stands beside its JSON, not in it.
        yield from (fault for fault in faults if not (uploaded and fault == ".raw is missing"))

    def _strange(
        self, schema: Json, value: Any, at: str, *, asked: str | None = None, nulls: bool = False
    ) -> Iterator[str]:
        """What a value has that its schema has not. `asked`: it is the request of that method."""
        schema = self._resolved(schema)
        if asked and _read_only(schema) and at and f"{asked} {at[1:]}" not in WRITTEN:
            yield f"{at} is read-only"
        kind = schema.get("type", "any")
        if kind == "any" or (value is None and nulls):
            return
        allowed = WHOLE_TYPES[kind]
        if not isinstance(value, allowed) or (isinstance(value, bool) and kind != "boolean"):
            yield f"{at or 'the body'} is no {kind}: {value!r}"
            return
        yield from _formed(at, schema, value)
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from self._strange(schema["items"], item, f"{at}[{index}]", asked=asked, nulls=nulls)
        if isinstance(value, dict):
            yield from self._members(schema, value, at, asked, nulls)

    def _members(self, schema: Json, value: Json, at: str, asked: str | None, nulls: bool) -> Iterator[str]:
        properties, more = schema.get("properties", {}), schema.get("additionalProperties")
        for name, inner in value.items():
            found = properties.get(name, more)
            if found is None:
                yield f"{at}.{name} is unknown"
            else:
                if asked and _read_only(properties.get(name, {})) and f"{asked} {name}" not in WRITTEN:
                    yield f"{at}.{name} is read-only"
                if "unless a time zone is explicitly specified" in found.get("description", ""):
                    found = {**found, "format": None if value.get("timeZone") else found["format"]}
                yield from self._strange(found, inner, f"{at}.{name}", asked=asked, nulls=nulls)
        for name, inner in properties.items():
            if asked in inner.get("annotations", {}).get("required", []) and name not in value:
                yield f"{at}.{name} is missing"

    def _resolved(self, schema: Json) -> Json:
        return self._schemas[schema["$ref"]] if "$ref" in schema else schema


def _is_media(operation: Json, asked: bool) -> bool:
    """Whether the answer is a file: asked for as media, or of a method that answers nothing else (export)."""
    return bool(operation.get("supportsMediaDownload")) and (asked or "response" not in operation)


def _methods(node: Json) -> Iterator[Json]:
    yield from node.get("methods", {}).values()
    for inner in node.get("resources", {}).values():
        yield from _methods(inner)


def _pattern(path: str) -> re.Pattern[str]:
    """A path template as a pattern: `{id}` is one segment, `{+name}` may be several."""
    text = re.escape(path).replace(r"\{", "{").replace(r"\}", "}").replace(r"\+", "+")
    text = re.sub(r"\{\+(\w+)\}", r"(?P<\1>.+)", text)
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", text))


def _parameter(name: str, parameter: Json, text: str) -> Iterator[str]:
    """What is wrong with a parameter's text."""
    kind = parameter.get("type", "string")
    if kind == "boolean" and text not in {"true", "false"}:
        yield f"{name} is no boolean: {text}"
    elif kind in {"integer", "number"} and not re.fullmatch(r"-?\d+(\.\d+)?", text):
        yield f"{name} is no {kind}: {text}"
    elif kind in {"integer", "number"}:
        yield from _formed(name, parameter, float(text))
    elif kind == "string":
        yield from _formed(name, parameter, text)


def _formed(at: str, schema: Json, value: Any) -> Iterator[str]:
    """What is wrong with a value of the right type: enum, bounds, pattern, format."""
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at} is not one of {schema['enum']}: {value!r}"
    low, high = float(schema.get("minimum", "-inf")), float(schema.get("maximum", "inf"))
    if isinstance(value, (int, float)) and not low <= value <= high:
        yield f"{at} is out of bounds: {value!r}"
    if isinstance(value, str):
        if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
            yield f"{at} does not match {schema['pattern']}: {value!r}"
        if not _has_format(value, schema.get("format")):
            yield f"{at} is no {schema['format']}: {value!r}"


def _has_format(value: str, name: str | None) -> bool:
    try:
        if name in {"date-time", "google-datetime"}:
            return datetime.fromisoformat(value).tzinfo is not None
        if name == "date":
            date.fromisoformat(value)
    except ValueError:
        return False
    return re.fullmatch(DIGITS.get(name or "", r"(?s:.*)"), value) is not None


def _read_only(schema: Json) -> bool:
    described = schema.get("description", "").lower().lstrip("[")
    return bool(schema.get("readOnly")) or described.startswith("output only")


def _first_part(raw: bytes) -> bytes:
    """The metadata of a multipart upload, whose lines end with CRLF or with LF alone."""
    boundary = raw.split(b"\n", 1)[0].rstrip(b"\r")
    return re.split(rb"\r?\n\r?\n", raw.split(boundary)[1], maxsplit=1)[1].strip()


def _error(value: Any, status: int) -> Iterator[str]:
    """What is wrong with an error body: the classic shape, the newer one, or both at once."""
    error = value.get("error") if isinstance(value, dict) and value.keys() == {"error"} else None
    if not isinstance(error, dict):
        yield f"that is no error: {value}"
        return
    yield from (f"error.{name} is unknown" for name in error.keys() - ERROR)
    if error.get("code") != status or not isinstance(error.get("message"), str):
        yield f"code and message: {error}"
    if not error.get("errors") and not error.get("status"):
        yield "neither errors nor status"
    for one in error.get("errors", []):
        yield from (f"error.errors[].{name} is unknown" for name in one.keys() - ONE_ERROR)
        if not one.keys() >= {"domain", "reason", "message"}:
            yield f"error.errors[] lacks domain, reason or message: {one}"
