"""Address books, and how a person is kept, changed, searched and shown."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from providers.emulator.clock import Clock
from providers.emulator.google.errors import ApiError

Json = dict[str, Any]
_FIELDS = """
    addresses ageRanges biographies birthdays calendarUrls clientData coverPhotos emailAddresses events
    externalIds fileAses genders imClients interests locales locations memberships metadata miscKeywords names
    nicknames occupations organizations phoneNumbers photos relations sipAddresses skills urls userDefined
"""
FIELDS = frozenset(_FIELDS.split())
"""What a mask may name (people.get, personFields)."""
WRITABLE = FIELDS - {"ageRanges", "coverPhotos", "metadata", "photos"}
SINGLE = frozenset({"biographies", "birthdays", "genders", "names"})
TYPES = {"contacts": "CONTACT", "other": "OTHER_CONTACT", "directory": "DOMAIN_PROFILE"}


class Books:
    """Everybody's contacts and other contacts by account, directories by domain: rows by resource name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made = 0
        self.contacts: dict[str, dict[str, Json]] = {}
        self.other: dict[str, dict[str, Json]] = {}
        self.directory: dict[str, dict[str, Json]] = {}
        self.warm: dict[str, list[Json]] = {}
        """What a search sees, by `kind/account`: a copy from when it was last asked with an empty query."""

    def add(self, shelf: dict[str, Json], kind: str, row: Json, id_: str = "") -> Json:
        """A new person, with names and version worked out."""
        self._made += 1
        id_ = id_ or f"c{int(hashlib.sha256(f'{kind} {self._made}'.encode()).hexdigest()[:15], 16)}"
        name = f"otherContacts/{id_}" if kind == "other" else f"people/{id_}"
        shelf[name] = self.settled({**row, "resourceName": name}, kind)
        return shelf[name]

    def settled(self, row: Json, kind: str) -> Json:
        """A person with what Google works out: whole names, sources and a version."""
        id_ = row["resourceName"].partition("/")[2]
        source = {"type": TYPES[kind], "id": id_}
        kept = {name: _marked(value, source) for name, value in row.items()}
        kept["names"] = [_named(name) for name in kept.get("names", [])]
        kept = {name: value for name, value in kept.items() if value != [] and name != "etag"}
        version = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]
        now = datetime.fromtimestamp(self._clock.now(), UTC).isoformat(timespec="microseconds")
        stamped = {**source, "etag": f"#{version}", "updateTime": now.replace("+00:00", "Z")}
        return {**kept, "etag": f"%EgU{version}", "metadata": {"objectType": "PERSON", "sources": [stamped]}}

    def warmed(self, key: str, rows: Iterable[Json]) -> None:
        """From now on a search sees these."""
        self.warm[key] = json.loads(json.dumps(list(rows)))

    def dump(self) -> Json:
        """Everything, as JSON-ready values."""
        return {"made": self._made, "contacts": self.contacts, "other": self.other,
                "directory": self.directory, "warm": self.warm}  # fmt: skip

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave."""
        self._made = int(data["made"])
        self.contacts, self.other = dict(data["contacts"]), dict(data["other"])
        self.directory, self.warm = dict(data["directory"]), dict(data["warm"])


def checked(body: Json, names: Iterable[str]) -> Json:
    """The fields of a person that somebody sends. Raises ApiError 400."""
    fields = {name: body[name] for name in names if name in body}
    for name, values in fields.items():
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            raise ApiError(400, f"Invalid value at 'person.{name}'", "badRequest")
        if name in SINGLE and len(values) > 1:
            raise ApiError(400, f"The person.{name} field must have at most one value.", "badRequest")
    return fields


def matches(row: Json, query: str, names: Iterable[str]) -> bool:
    """Whether a search finds a person: the query is the beginning of a field, or of a word in it."""
    query = query.casefold().strip()
    texts = [str(value.get(part, "")) for name in names for value in row.get(name, [])
             for part in ("displayName", "value", "name", "title")]  # fmt: skip
    for text in (each.casefold() for each in texts):
        if any(text.startswith(query, word.start()) for word in re.finditer(r"\S+", text)):
            return True
        digits = re.sub(r"\D", "", query)
        if digits and not re.search(r"[^\d\s+()-]", query) and re.sub(r"\D", "", text).startswith(digits):
            return True
    return False


def shown(row: Json, mask: Iterable[str]) -> Json:
    """A person as far as a mask asks."""
    return {name: row[name] for name in ("resourceName", "etag", *mask) if name in row}


def _marked(value: Any, source: Json) -> Any:
    """A field with the source of each of its values."""
    if not isinstance(value, list):
        return value
    first = {"primary": True, "sourcePrimary": True, "source": source}
    return [{**each, "metadata": {"source": source} if at else first} for at, each in enumerate(value)]


def _named(name: Json) -> Json:
    """A name with its parts, and with the whole of it."""
    given, family = name.get("givenName", ""), name.get("familyName", "")
    if not given and not family:
        *most, last = name.get("unstructuredName", "").split() or [""]
        given, family = (" ".join(most), last) if most else (last, "")
    whole = " ".join(part for part in (name.get("honorificPrefix", ""), given, family) if part)
    parts = {"givenName": given, "familyName": family, "displayName": whole, "unstructuredName": whole}
    return {**name, **{key: text for key, text in parts.items() if text},
            "displayNameLastFirst": ", ".join(part for part in (family, given) if part)}  # fmt: skip
