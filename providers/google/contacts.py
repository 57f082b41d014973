"""The calls our tools make to the People API, version 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.google.call import Caller, segment
from providers.google.contactanswers import DirectoryPage, FoundPage, Person
from providers.google.services import CONTACTS, CONTACTS_READ, DIRECTORY, OTHER_CONTACTS
from providers.http import Params
from providers.model import read

_MASK = "names,emailAddresses,phoneNumbers,organizations"
_OTHER_MASK = "names,emailAddresses,phoneNumbers"  # otherContacts.search, readMask: it has no more
_SHORT = "resourceName,etag,names(displayName),emailAddresses(value),phoneNumbers(value)"
_FOUND = f"{_SHORT},organizations(name,title)"
_WORK = (
    "costCenter,current,department,domain,endDate,fullTimeEquivalentMillipercent,jobDescription,location,name,"
    "phoneticName,startDate,symbol,title,type"
)
_PERSON = (
    "resourceName,etag,names(displayName),emailAddresses(value,type,displayName),phoneNumbers(value,type),"
    f"organizations({_WORK})"
)
_PROFILES = ("DIRECTORY_SOURCE_TYPE_DOMAIN_PROFILE", "DIRECTORY_SOURCE_TYPE_DOMAIN_CONTACT")


class Contacts(Caller):
    """Google's contacts with one person's credential. Every call raises ProviderError."""

    base = "https://people.googleapis.com/v1"

    async def search(self, query: str, limit: int) -> tuple[Person, ...]:
        """people.searchContacts: who has a field, or a word in one, that begins so; at most 30.

        An empty query warms the search up: it sees what has changed since (as Google asks for).
        """
        return await self._search("search", "/people:searchContacts", _MASK, query, limit, CONTACTS_READ)

    async def other(self, query: str, limit: int) -> tuple[Person, ...]:
        """otherContacts.search: those that the person wrote to and never saved. Likewise."""
        return await self._search("other", "/otherContacts:search", _OTHER_MASK, query, limit, OTHER_CONTACTS)

    async def _search(
        self, operation: str, path: str, mask: str, query: str, limit: int, scope: str
    ) -> tuple[Person, ...]:
        fields = f"results(person({_FOUND if mask == _MASK else _SHORT}))"
        params: Params = {"query": query, "pageSize": limit, "readMask": mask, "fields": fields}
        page = read(FoundPage, await self._call(operation, "GET", path, params, frozenset({scope})))
        return tuple(found.person for found in page.results)

    async def directory(self, query: str, limit: int) -> tuple[Person, ...]:
        """people.searchDirectoryPeople: the first ones in the directory of the account's organisation.

        Rejected for an account that is of none.
        """
        params: Params = {
            "query": query, "pageSize": limit, "readMask": _MASK, "sources": _PROFILES,
            "fields": f"people({_FOUND})",
        }  # fmt: skip
        path = "/people:searchDirectoryPeople"
        answer = await self._call("directory", "GET", path, params, frozenset({DIRECTORY}))
        return read(DirectoryPage, answer).people

    async def person(self, id_: str) -> Person:
        """people.get: a contact, by its id (its resource name without `people/`)."""
        params: Params = {"personFields": _MASK, "fields": _PERSON}
        path = f"/people/{segment(id_)}"
        return read(Person, await self._call("person", "GET", path, params, frozenset({CONTACTS_READ})))

    async def create(self, body: Mapping[str, Any]) -> Person:
        """people.createContact."""
        params: Params = {"personFields": _MASK, "fields": _PERSON}
        path = "/people:createContact"
        answer = await self._call("create", "POST", path, params, frozenset({CONTACTS}), dict(body))
        return read(Person, answer)

    async def update(self, id_: str, etag: str, body: Mapping[str, Any]) -> Person:
        """people.updateContact: the fields of `body` take the place of those there are; an empty list
        clears one. Rejected with FAILED_PRECONDITION where `etag` is not the present version any more.
        """
        params: Params = {"updatePersonFields": ",".join(body), "personFields": _MASK, "fields": _PERSON}
        path = f"/people/{segment(id_)}:updateContact"
        sent = {"etag": etag, **body}
        answer = await self._call("update", "PATCH", path, params, frozenset({CONTACTS}), sent)
        return read(Person, answer)
