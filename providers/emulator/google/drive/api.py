"""www.googleapis.com/drive/v3: files and folders, their content, and who may see them."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from providers.emulator.google.api import Api
from providers.emulator.google.drive.data import furnish
from providers.emulator.google.drive.methods import BASE, SERVED, UNBUILT, UPLOADS
from providers.emulator.google.drive.model import permission_of
from providers.emulator.google.drive.reading import Reading
from providers.emulator.google.drive.sharing import Sharing
from providers.emulator.google.drive.store import Drive, grant
from providers.emulator.google.drive.uploads import Uploads
from providers.emulator.google.drive.writing import Writing
from providers.emulator.google.guard import Handler
from providers.emulator.google.people import Person
from providers.emulator.google.quota import Bucket
from providers.emulator.upstream import Reads, Writes

if TYPE_CHECKING:
    from providers.emulator.google.upstream import Google

Json = dict[str, Any]
IDS = re.compile(r"/(files|permissions|drives|comments|revisions)/(?!generateIds$|trash$)[^/:]+")


class DriveApi(Api):
    """Everybody's files."""

    name = "drive"
    base = BASE
    hosts = frozenset({"www.googleapis.com"})
    served = SERVED
    unbuilt = UNBUILT
    uploads = UPLOADS
    media = frozenset({"drive.files.export", "drive.files.get"})
    ids = IDS
    buckets = (Bucket("drive", 12_000),)

    state: Drive

    def settle(self, now: float) -> None:
        """Everybody's files as of today."""
        self.state = Drive(self.google.clock)
        furnish(self.state, self.google.people, now)

    def handlers(self) -> Mapping[str, Handler]:
        """What is served."""
        reading, writing, sharing = Reading(self), Writing(self), Sharing(self)
        uploads = Uploads(writing)
        files: dict[str, Handler] = {
            "list": reading.list, "get": reading.get, "export": reading.export, "generateIds": reading.ids,
            "create": writing.create, "update": writing.update, "copy": writing.copy,
            "create.upload": uploads.begin, "update.upload": uploads.begin,
            "create.resume": uploads.resume, "update.resume": uploads.resume,
            "create.cancel": uploads.cancel, "update.cancel": uploads.cancel,
        }  # fmt: skip
        permissions: dict[str, Handler] = {
            "list": sharing.list, "get": sharing.get, "create": sharing.create, "update": sharing.update,
            "delete": sharing.delete,
        }  # fmt: skip
        return {
            "drive.about.get": reading.about,
            "drive.drives.list": reading.drives,
            **{f"drive.files.{name}": handler for name, handler in files.items()},
            **{f"drive.permissions.{name}": handler for name, handler in permissions.items()},
        }

    def routes(self) -> list[Route]:
        """`/files/generateIds` and the like before `/files/{file}`."""
        return sorted(super().routes(), key=lambda route: "{" in route.path)

    def reads(self) -> Reads:
        """`drive/mail`: who was told about sharing; `drive/files`: an account's files, content aside."""
        return {"drive/mail": lambda query: self.state.mail, "drive/files": self._files}

    def writes(self) -> Writes:
        """`drive/file` puts a file into an account's My Drive (account, title, mimeType, content as text, or
        base64); `drive/give` lets an app have it, as a person does by choosing it in Google's picker;
        `drive/share` shares it (file, with: an account, role).
        """
        return {"drive/file": self._put, "drive/give": self._give, "drive/share": self._share}

    def shown(self, person: Person) -> Json:
        """Ids of somebody's own files by name."""
        return {"files": {file.name: file.id for file in self.state.of(person) if file.owner == person.key}}

    def dump(self) -> Json:
        """The files."""
        return self.state.dump()

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave."""
        self.state.load(data)

    def _files(self, query: Mapping[str, str]) -> list[Json]:
        person = self.google.people[query["account"]]
        return [
            {
                "id": file.id,
                "name": file.name,
                "mimeType": file.kind,
                "owner": file.owner,
                "parent": file.parent,
                "trashed": self.state.in_trash(file),
                "apps": file.apps,
                "permissions": [[one.id, one.kind, one.to, one.role] for one in file.permissions],
            }
            for file in self.state.of(person)
        ]

    def _put(self, body: Json) -> Json:
        person = self.google.people[body["account"]]
        content = base64.b64decode(body["base64"]) if "base64" in body else body.get("content", "").encode()
        file = self.state.add(person, body["title"], body["mimeType"], content=content)
        return {"id": file.id}

    def _share(self, body: Json) -> Json:
        file, person = self.state.files[body["file"]], self.google.people[body["with"]]
        grant(file, permission_of(person, body["role"]))
        file.shared_at.setdefault(person.key, self.google.clock.now())
        return {"id": file.id}

    def _give(self, body: Json) -> Json:
        file = self.state.files[body["file"]]
        file.apps.append(f"{body.get('app', 'emulator-google')} {body['account']}")
        return {"id": file.id}


def drive_of(google: Google) -> Drive:
    """The files that Docs and Sheets work on too."""
    return next(api.state for api in google.apis if isinstance(api, DriveApi))
