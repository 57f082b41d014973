"""Everybody's files, who reaches which, and the mail about sharing that would have been sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from providers.emulator.clock import Clock
from providers.emulator.google.drive.model import (
    DOC,
    FOLDER,
    File,
    Permission,
    Visitor,
    at_least,
    new_id,
    permission_of,
)
from providers.emulator.google.drive.papers import PAPERS
from providers.emulator.google.errors import ApiError
from providers.emulator.google.people import Person

Json = dict[str, Any]


class Drive:
    """All files by id. Everybody has a folder `My Drive` that is in none."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.files: dict[str, File] = {}
        self.roots: dict[str, str] = {}
        self.mail: list[Json] = []

    # Finding

    def open(self, visitor: Visitor, id_: str, least: str = "reader") -> File:
        """A file that the visitor may use as `least`. Raises ApiError 404 or 403."""
        file = self.files.get(self.roots[visitor.person.key] if id_ == "root" else id_)
        role = file.role(visitor.person) if file is not None else None
        if file is None or role is None:
            raise missing(id_)
        if not self.reaches(visitor, file):
            if not visitor.sees:
                raise missing(id_)
            verb = "read" if least == "reader" else "write"
            raise ApiError(
                403,
                f"The user has not granted the app {visitor.app} {verb} access to the file {id_}.",
                "appNotAuthorizedToFile",
            )
        if not at_least(role, least):
            raise ApiError(
                403,
                f"The user does not have sufficient permissions for file {id_}.",
                "insufficientFilePermissions",
            )
        return file

    def reaches(self, visitor: Visitor, file: File) -> bool:
        """Whether the visitor's token opens a file of its person. A root is open to every app to put into."""
        return visitor.everywhere or visitor.given(file) or file.id == self.roots[visitor.person.key]

    def of(self, person: Person) -> Iterator[File]:
        """What turns up among somebody's files."""
        return (
            file for file in self.files.values() if file.listed(person) and file.id not in self.roots.values()
        )

    def children(self, folder: File) -> list[File]:
        """What is right inside."""
        return [file for file in self.files.values() if file.parent == folder.id]

    def beneath(self, file: File) -> Iterator[File]:
        """The file and everything inside it, however deep."""
        yield file
        for child in self.children(file):
            yield from self.beneath(child)

    def in_trash(self, file: File) -> bool:
        """Whether it, or a folder it is in, was put into the trash."""
        at: File | None = file
        while at is not None:
            if at.trashed is not None:
                return True
            at = self.files.get(at.parent or "")
        return False

    def named(self, person: Person, name: str) -> File:
        """Somebody's file of that name. Raises KeyError."""
        for file in self.files.values():
            if file.name == name and file.owner == person.key:
                return file
        raise KeyError(name)

    # Changing

    def add(
        self,
        owner: Person,
        name: str,
        kind: str = DOC,
        *,
        parent: File | None = None,
        content: bytes = b"",
        body: Json | None = None,
        made_with: Visitor | None = None,
        id_: str | None = None,
        at: float | None = None,
        shared: Iterable[Permission] = (),
    ) -> File:
        """A new file of somebody's, in `parent` or else in their My Drive; who may see that, may see this.

        Without a `body`, a Doc or Sheet begins blank. `at` is when it was made (epoch seconds), default now.
        """
        folder = parent or self.files[self.roots[owner.key]]
        now = self._clock.now() if at is None else at
        if body is None and kind in PAPERS:
            body = PAPERS[kind].blank()
        file = File(
            id=id_ or new_id(kind), name=name, kind=kind, owner=owner.key, parent=folder.id, body=body or {},
            created=now, modified=now, changed_by=owner.key,
        )  # fmt: skip
        file.bytes = content
        file.permissions = [permission_of(owner, "owner")]
        for permission in (*folder.permissions, *shared):
            grant(file, permission)
        if made_with is not None:
            file.apps.append(made_with.mark)
        self.files[file.id] = file
        return file

    def root(self, person: Person) -> File:
        """Make somebody's My Drive."""
        file = File(new_id(FOLDER, ["root", person.key]), "My Drive", FOLDER, person.key)
        file.created = file.modified = self._clock.now()
        file.permissions = [permission_of(person, "owner")]
        self.files[file.id], self.roots[person.key] = file, file.id
        return file

    def touch(self, file: File, person: Person) -> None:
        """Its content or metadata was changed by somebody, now."""
        file.modified, file.changed_by = self._clock.now(), person.key
        file.version += 1

    # Persistence

    def dump(self) -> Json:
        """Everything, as JSON-ready values."""
        return {
            "files": [asdict(file) for file in self.files.values()],
            "roots": self.roots,
            "mail": self.mail,
        }

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave. Raises KeyError or TypeError where it is not that."""
        files = [
            File(**{**row, "permissions": [Permission(**one) for one in row["permissions"]]})
            for row in data["files"]
        ]
        self.files = {file.id: file for file in files}
        self.roots, self.mail = dict(data["roots"]), list(data["mail"])


def grant(file: File, permission: Permission) -> None:
    """Add a permission; who has one already keeps it, in the higher of both roles. Nobody becomes owner."""
    role = "writer" if permission.role == "owner" else permission.role
    for mine in file.permissions:
        if mine.id == permission.id:
            if not at_least(mine.role, role):
                mine.role = role
            return
    file.permissions.append(Permission(**{**asdict(permission), "role": role}))


def missing(id_: str) -> ApiError:
    """404, for what is not there and for what the app was not given alike."""
    return ApiError(404, f"File not found: {id_}.", "notFound", about="fileId")
