"""What a file is here, who may do what with it, and the kinds there are."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from providers.emulator.google.people import Person

Json = dict[str, Any]
APPS = "application/vnd.google-apps."
FOLDER, SHORTCUT = f"{APPS}folder", f"{APPS}shortcut"
DOC, SHEET, SLIDES, FORM = f"{APPS}document", f"{APPS}spreadsheet", f"{APPS}presentation", f"{APPS}form"
ROLES = ("reader", "commenter", "writer", "owner")
"""From the least to the most (Permission.role); organizer and fileOrganizer are of shared drives."""


@dataclass
class Permission:
    """Who has which role: `kind` is user, group, domain or anyone, `to` an address or a domain."""

    id: str
    kind: str
    role: str
    to: str = ""
    name: str = ""
    found: bool = False
    """Whether it turns up in searches (allowFileDiscovery)."""


@dataclass
class File:
    """A file, folder or shortcut.

    `owner` is a person's key. `content` are its bytes, base64; a Doc or Sheet has a `body` instead, which
    its own module understands (`papers.py`). `apps` are those it was made with or opened by, as `client id
    account`. `seen` has what depends on who looks, by person: starred, and when it was shared with them.
    """

    id: str
    name: str
    kind: str
    owner: str
    parent: str | None = None
    content: str = ""
    body: Json = field(default_factory=dict)
    description: str = ""
    target: str | None = None
    created: float = 0.0
    modified: float = 0.0
    changed_by: str = ""
    version: int = 1
    trashed: float | None = None
    abusive: bool = False
    permissions: list[Permission] = field(default_factory=list)
    apps: list[str] = field(default_factory=list)
    starred: list[str] = field(default_factory=list)
    shared_at: dict[str, float] = field(default_factory=dict)
    properties: Json = field(default_factory=dict)

    @property
    def native(self) -> bool:
        """Whether it is one of Google's own kinds, which have no bytes."""
        return self.kind.startswith(APPS)

    @property
    def bytes(self) -> bytes:
        """Its content."""
        return base64.b64decode(self.content)

    @bytes.setter
    def bytes(self, value: bytes) -> None:
        self.content = base64.b64encode(value).decode()

    def role(self, person: Person) -> str | None:
        """The most that somebody may do with it, or None."""
        roles = [one.role for one in self.permissions if applies(one, person)]
        return max(roles, key=ROLES.index, default=None)

    def listed(self, person: Person) -> bool:
        """Whether it turns up among somebody's files; one that anyone may open by its link does not."""
        return any(
            applies(one, person) and (one.kind in {"user", "group"} or one.found) for one in self.permissions
        )


@dataclass(frozen=True)
class Visitor:
    """Who asks: somebody through an app.

    `everywhere`: the token opens what the call is about in files that the app was not given too; `sees`: it
    at least shows that they are there.
    """

    person: Person
    app: str
    everywhere: bool
    sees: bool

    @property
    def mark(self) -> str:
        """How a file remembers the app (`File.apps`)."""
        return f"{self.app} {self.person.key}"

    def given(self, file: File) -> bool:
        """Whether the app made the file, or was given it."""
        return self.mark in file.apps


def applies(permission: Permission, person: Person) -> bool:
    """Whether a permission is somebody's."""
    if permission.kind == "anyone":
        return True
    if permission.kind == "domain":
        return person.domain is not None and permission.to == person.domain
    return permission.to.casefold() == person.email.casefold()


def at_least(role: str | None, least: str) -> bool:
    """Whether a role includes another."""
    return role is not None and ROLES.index(role) >= ROLES.index(least)


def permission_of(person: Person, role: str) -> Permission:
    """Somebody's own, with the id that Google gives the same account everywhere."""
    return Permission(permission_id(person.email), "user", role, person.email, person.name)


def permission_id(who: str) -> str:
    """The id of the permission of an address or domain: 20 digits, the same on every file."""
    digest = int(hashlib.sha256(who.casefold().encode()).hexdigest(), 16)
    return f"{digest % 10**20:020d}"


def new_id(kind: str, seed: Iterable[str] | None = None) -> str:
    """A file id of Google's kind: 44 characters for Docs and the like, 33 for the rest; of `seed`, or new."""
    size = 43 if kind.startswith(APPS) and kind not in {FOLDER, SHORTCUT} else 32
    raw = (
        secrets.token_bytes(33) if seed is None else hashlib.sha256("\0".join(seed).encode()).digest() + b"v"
    )
    return "1" + base64.urlsafe_b64encode(raw).decode()[:size]


def stamp(moment: float) -> str:
    """`2026-11-28T09:30:00.000Z`."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
