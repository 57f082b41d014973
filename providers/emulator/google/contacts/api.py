"""people.googleapis.com/v1: contacts, other contacts, and directories."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.emulator.google import query
from providers.emulator.google.api import Api
from providers.emulator.google.contacts.book import FIELDS, WRITABLE, Books, checked, matches, shown
from providers.emulator.google.contacts.data import furnish
from providers.emulator.google.contacts.methods import GET, SERVED, UNBUILT
from providers.emulator.google.errors import ApiError, invalid
from providers.emulator.google.guard import Handler
from providers.emulator.google.people import Person
from providers.emulator.google.quota import Bucket
from providers.emulator.upstream import Reads, Writes

Json = dict[str, Any]
FOUND_BY = ("names", "nicknames", "emailAddresses", "phoneNumbers", "organizations")
OTHER_MASK = frozenset({"emailAddresses", "metadata", "names", "phoneNumbers"})
READ = ("READ_SOURCE_TYPE_PROFILE", "READ_SOURCE_TYPE_CONTACT", "READ_SOURCE_TYPE_DOMAIN_CONTACT",
        "READ_SOURCE_TYPE_OTHER_CONTACT")  # fmt: skip
DOMAIN = ("DIRECTORY_SOURCE_TYPE_DOMAIN_CONTACT", "DIRECTORY_SOURCE_TYPE_DOMAIN_PROFILE")
ORDERS = (
    "LAST_MODIFIED_ASCENDING",
    "LAST_MODIFIED_DESCENDING",
    "FIRST_NAME_ASCENDING",
    "LAST_NAME_ASCENDING",
)

UNVERSIONED = (
    "Request must set person.etag or person.metadata.sources.etag for the source that is being updated."
)
STALE = (
    "Request person.etag is different than the current person.etag. Clear local cache and get the latest "
    "person."
)


class PeopleApi(Api):
    """Contacts, and who else one may know."""

    name = "people"
    base = "/people.googleapis.com/v1"
    served = (*SERVED, GET)
    unbuilt = UNBUILT
    hosts = frozenset({"people.googleapis.com"})
    modern = True
    ids = re.compile(r"/(people|otherContacts|contactGroups)/(?!me/)[^/:]+")
    buckets = (Bucket("people", 600),)

    state: Books

    def settle(self, now: float) -> None:
        """Everybody's books as at the beginning; no search is warm."""
        self.state = Books(self.google.clock)
        furnish(self.state, self.google.people)

    def handlers(self) -> Mapping[str, Handler]:
        """What is served."""
        return {
            "people.people.searchContacts": self._contacts,
            "people.otherContacts.search": self._other,
            "people.people.searchDirectoryPeople": self._directory,
            "people.people.createContact": self._create,
            "people.people.connections.list": self._connections,
            "people.people.updateContact": self._update,
            "people.people.deleteContact": self._delete,
            "people.people.get": self._get,
        }

    def reads(self) -> Reads:
        """`people/contacts`: the contacts somebody truly has, `?account=`."""
        return {"people/contacts": lambda query: list(self.state.contacts[query["account"]].values())}

    def writes(self) -> Writes:
        """`people/change` {account, resource_name, …}: change a contact behind the API's back."""
        return {"people/change": self._behind}

    def dump(self) -> Json:
        """The books."""
        return self.state.dump()

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave."""
        self.state.load(data)

    def _behind(self, body: Json) -> Json:
        shelf, name = self.state.contacts[body["account"]], body["resource_name"]
        fields = {key: value for key, value in body.items() if key in WRITABLE}
        shelf[name] = self.state.settled({**shelf[name], **fields}, "contacts")
        return shelf[name]

    # Searching

    async def _contacts(self, request: Request, person: Person) -> Response:
        query.choices(request, "sources", READ)
        return self._search(request, f"contacts/{person.key}", self.state.contacts[person.key], FIELDS)

    async def _other(self, request: Request, person: Person) -> Response:
        return self._search(request, f"other/{person.key}", self.state.other[person.key], OTHER_MASK)

    def _search(
        self, request: Request, key: str, shelf: dict[str, Json], allowed: frozenset[str]
    ) -> Response:
        mask, words = _mask(request, "readMask", allowed), request.query_params.get("query", "")
        size = min(query.whole(request, "pageSize", 10, 30, 0) or 10, 30)
        if not words.strip():
            self.state.warmed(key, shelf.values())
            return JSONResponse(query.selected(request, {}))
        found = [row for row in self.state.warm.get(key, []) if matches(row, words, FOUND_BY)][:size]
        results = [{"person": shown(row, mask)} for row in found]
        return JSONResponse(query.selected(request, {"results": results} if results else {}))

    async def _directory(self, request: Request, person: Person) -> Response:
        mask, words = _mask(request, "readMask", FIELDS), request.query_params.get("query", "")
        if person.domain is None:
            raise _unmet("Must be a G Suite domain user.")
        if not query.choices(request, "sources", DOMAIN):
            raise invalid("The request must specify at least one source.", "sources")
        if not words.strip():
            raise invalid("The request must specify a query.", "query")
        size = query.whole(request, "pageSize", 100, 500, 0) or 100
        rows = self.state.directory.get(person.domain, {}).values()
        found = [row for row in rows if matches(row, words, FOUND_BY)]
        some, token = query.page(request, found, size)
        answer: Json = {"people": [shown(row, mask) for row in some], "totalSize": len(found)}
        return JSONResponse(query.selected(request, answer | ({"nextPageToken": token} if token else {})))

    async def _connections(self, request: Request, person: Person) -> Response:
        if request.path_params["person"] != "me":
            raise invalid("Resource name must be people/me.", "resourceName")
        mask = _mask(request, "personFields", FIELDS)
        query.choice(request, "sortOrder", ORDERS)
        rows = list(self.state.contacts[person.key].values())
        some, token = query.page(request, rows, query.whole(request, "pageSize", 100, 1000))
        answer: Json = {"connections": [shown(row, mask) for row in some],
                        "totalPeople": len(rows), "totalItems": len(rows)}  # fmt: skip
        return JSONResponse(query.selected(request, answer | ({"nextPageToken": token} if token else {})))

    # One person

    async def _get(self, request: Request, person: Person) -> Response:
        mask = _mask(request, "personFields", FIELDS)
        row = self._found(request, person)
        return JSONResponse(query.selected(request, shown(row, mask)))

    async def _create(self, request: Request, person: Person) -> Response:
        mask = _mask(request, "personFields", FIELDS, default=True)
        fields = checked(await query.body(request), WRITABLE)
        row = self.state.add(self.state.contacts[person.key], "contacts", fields)
        return JSONResponse(query.selected(request, shown(row, mask)))

    async def _update(self, request: Request, person: Person) -> Response:
        mask = _mask(request, "personFields", FIELDS, default=True)
        row = self._found(request, person)
        body, names = await query.body(request), _mask(request, "updatePersonFields", WRITABLE)
        sources = body.get("metadata", {}).get("sources", [])
        versions = [body.get("etag"), *(source.get("etag") for source in sources)]
        if not any(versions):
            raise _unmet(UNVERSIONED)
        if not {row["etag"], row["metadata"]["sources"][0]["etag"]} & set(versions):
            raise _unmet(STALE)
        fields = checked(body, names)
        kept = {name: value for name, value in row.items() if name not in names}
        after = self.state.settled({**kept, **fields}, "contacts")
        self.state.contacts[person.key][row["resourceName"]] = after
        return JSONResponse(query.selected(request, shown(after, mask)))

    async def _delete(self, request: Request, person: Person) -> Response:
        row = self._found(request, person)
        del self.state.contacts[person.key][row["resourceName"]]
        return JSONResponse(query.selected(request, {}))

    def _found(self, request: Request, person: Person) -> Json:
        row = self.state.contacts[person.key].get(f"people/{request.path_params['person']}")
        if row is None:
            raise ApiError(404, "Requested entity was not found.", "notFound")
        return row


def _mask(request: Request, name: str, allowed: frozenset[str], *, default: bool = False) -> list[str]:
    """The fields of a mask. Raises ApiError 400 where it is missing or names what there is not."""
    text = request.query_params.get(name)
    if text is None and default:
        return sorted(allowed)
    names = [part for part in (text or "").split(",") if part]
    if not names:
        raise invalid(f"{name} mask is required. Please specify one or more valid paths.", name)
    for part in names:
        if part.partition(".")[0] not in allowed:
            raise invalid(f'Invalid {name} mask path: "{part}".', name)
    return [part.partition(".")[0] for part in names]


def _unmet(message: str) -> ApiError:
    return ApiError(400, message, "failedPrecondition", more={"status": "FAILED_PRECONDITION"})
