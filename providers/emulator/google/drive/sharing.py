"""permissions.*: who may do what with a file, and the mail that tells them."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.emulator.google import query
from providers.emulator.google.drive.access import Desk
from providers.emulator.google.drive.model import ROLES, File, Permission, Visitor, permission_id
from providers.emulator.google.drive.store import Drive, grant
from providers.emulator.google.errors import ApiError, invalid
from providers.emulator.google.people import Person

Json = dict[str, Any]
BRIEF = ("kind", "id", "type", "role")
FIELDS = frozenset(
    {"type", "role", "emailAddress", "domain", "allowFileDiscovery", "expirationTime", "view", "pendingOwner"}
)
ADDRESS = re.compile(r"[^\s@,;<>\"]{1,64}@[^\s@,;<>\"]+\.[^\s@,;<>\".]+")


class Sharing(Desk):
    """The handlers; the state is the API's."""

    async def list(self, request: Request, person: Person) -> Response:
        """All permissions of a file; who may not change it, may not see them."""
        visitor, file = self._open(request, person, write=False)
        some, token = query.page(request, file.permissions, query.whole(request, "pageSize", 100, 100))
        rows = [self.shown(visitor).permission(one) for one in some]
        if "fields" not in request.query_params:
            rows = [{name: row[name] for name in BRIEF} for row in rows]
        more = {"nextPageToken": token} if token else {}
        answer = {"kind": "drive#permissionList", **more, "permissions": rows}
        return JSONResponse(query.selected(request, answer))

    async def get(self, request: Request, person: Person) -> Response:
        """One permission."""
        visitor, file = self._open(request, person, write=False)
        return self._answer(request, visitor, self._found(request, file))

    async def create(self, request: Request, person: Person) -> Response:
        """Share a file; who has a role already gets the higher one."""
        visitor, file = self._open(request, person)
        body = _checked(await query.body(request))
        notify = request.query_params.get("sendNotificationEmail", "true") == "true"
        query.flag(request, "sendNotificationEmail")
        permission = self._made(request, body, notify=notify)
        if body["role"] == "owner":
            raise ApiError(403, "Transferring ownership is not emulated.", "forbidden")
        for one in self.api.state.beneath(file):
            grant(one, permission)
            self._mark(one, permission)
        stored = next(one for one in file.permissions if one.id == permission.id)
        if notify and permission.kind in {"user", "group"}:
            self.api.state.mail.append({
                "account": person.key, "file": file.id, "name": file.name, "to": permission.to,
                "role": permission.role, "message": request.query_params.get("emailMessage", ""),
            })  # fmt: skip
        return self._answer(request, visitor, stored)

    async def update(self, request: Request, person: Person) -> Response:
        """Another role."""
        visitor, file = self._open(request, person)
        permission = self._found(request, file)
        body = _checked(await query.body(request), update=True)
        if permission.role == "owner" or body["role"] == "owner":
            raise _owner()
        for one in self.api.state.beneath(file):
            for theirs in one.permissions:
                if theirs.id == permission.id and theirs.role != "owner":
                    theirs.role = body["role"]
        return self._answer(request, visitor, permission)

    async def delete(self, request: Request, person: Person) -> Response:
        """Stop sharing with somebody; a reader may give up what is theirs."""
        visitor = self.writing(request, person)
        file = self.api.state.open(visitor, request.path_params["file"])
        permission = self._found(request, file)
        if permission.to.casefold() != person.email.casefold():
            self.api.state.open(visitor, file.id, "writer")
        if permission.role == "owner":
            raise ApiError(403, "The owner of a file cannot be removed.", "cannotRemoveOwner")
        for one in self.api.state.beneath(file):
            one.permissions = [p for p in one.permissions if p.id != permission.id or p.role == "owner"]
        return Response(status_code=204)

    def _open(self, request: Request, person: Person, *, write: bool = True) -> tuple[Visitor, File]:
        visitor = self.writing(request, person) if write else self.seeing(request, person)
        return visitor, self.api.state.open(visitor, request.path_params["file"], "writer")

    def _answer(self, request: Request, visitor: Visitor, one: Permission) -> Response:
        return self.partial(request, self.shown(visitor).permission(one), BRIEF)

    @staticmethod
    def _found(request: Request, file: File) -> Permission:
        id_ = request.path_params["permission"]
        for one in file.permissions:
            if one.id == id_:
                return one
        raise ApiError(404, f"Permission not found: {id_}.", "notFound", about="permissionId")

    def _made(self, request: Request, body: Json, *, notify: bool) -> Permission:
        kind, role, people = body["type"], body["role"], self.api.google.people.values()
        if role == "owner" and not query.flag(request, "transferOwnership"):
            sentence = "The transferOwnership parameter must be enabled when the permission role is 'owner'."
            raise ApiError(403, sentence, "forbidden", about="transferOwnership")
        found = bool(body.get("allowFileDiscovery", False))
        if kind == "anyone":
            return Permission("anyoneWithLink", kind, role, found=found)
        if kind == "domain":
            domain = body.get("domain", "")
            if domain not in {person.domain for person in people}:
                sentence = "The specified domain is invalid or not applicable for the given permission type."
                raise invalid(sentence, "permission.domain")
            return Permission(permission_id(domain), kind, role, domain, domain, found)
        address = body.get("emailAddress", "")
        if not ADDRESS.fullmatch(address):
            sentence = (
                "The specified emailAddress is invalid or not applicable for the given permission type."
            )
            raise invalid(sentence, "permission.emailAddress")
        known = next((person for person in people if person.email.casefold() == address.casefold()), None)
        if known is None and not notify:
            sentence = (
                f'Bad Request. User message: "You are trying to invite {address}. Since there is no Google '
                'account associated with this email address, you must check the "Notify people" box to '
                'invite this recipient."'
            )
            raise invalid(sentence, reason="invalidSharingRequest")
        return Permission(permission_id(address), kind, role, address, known.name if known else "")

    def _mark(self, file: File, permission: Permission) -> None:
        """When it was shared with somebody of this world."""
        for person in self.api.google.people.values():
            if permission.kind == "user" and permission.to.casefold() == person.email.casefold():
                file.shared_at.setdefault(person.key, self.api.google.clock.now())


def inherit(drive: Drive, file: File, folder: File) -> None:
    """What is moved into a folder, is seen by those who see that."""
    for one in drive.beneath(file):
        for permission in folder.permissions:
            grant(one, permission)


def _checked(body: Json, *, update: bool = False) -> Json:
    """Raises ApiError for what is no permission."""
    for name in body:
        if name not in FIELDS:
            sentence = "The resource body includes fields which are not directly writable."
            raise ApiError(403, sentence, "fieldNotWritable")
    needed = ("role",) if update else ("type", "role")
    for name in needed:
        if name not in body:
            raise invalid(f"The permission {name} field is required.", f"permission.{name}", "required")
    if body.get("type", "user") not in {"user", "group", "domain", "anyone"}:
        raise invalid("The specified type is invalid.", "permission.type")
    if body["role"] not in ROLES:
        raise invalid("The specified role is invalid or not applicable.", "permission.role")
    return body


def _owner() -> ApiError:
    return ApiError(403, "The owner of a file cannot be changed without transferOwnership.", "forbidden")
