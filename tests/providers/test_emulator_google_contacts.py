"""Google's people at the emulator: warm searches, versions, sources, directories."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.googlewire import GoogleWire, every_method
from tests.support.emulator import EmulatorProcess

SEARCH, CREATE = "/v1/people:searchContacts", "/v1/people:createContact"
MASK = "names,emailAddresses,organizations,phoneNumbers"
SERVED = {
    "people.searchContacts", "otherContacts.search", "people.searchDirectoryPeople", "people.createContact",
    "people.connections.list", "people.updateContact", "people.deleteContact", "people.get",
}  # fmt: skip


@pytest.fixture
def people(emulator: EmulatorProcess) -> GoogleWire:
    return GoogleWire(emulator, "people.v1", ("contacts", "contacts.other.readonly", "directory.readonly"))


def names(people: GoogleWire, query: str, path: str = SEARCH, mask: str = MASK, **more: Any) -> list[str]:
    found = people.json("GET", path, query=query, readMask=mask, **more).get("results", [])
    return [row["person"].get("names", [{}])[0].get("displayName", "") for row in found]


def test_every_method_of_the_document_is_served_or_says_that_it_is_not(emulator: EmulatorProcess) -> None:
    assert every_method(emulator, "people.v1") == SERVED


def test_a_search_sees_what_was_there_when_it_was_warmed_up(people: GoogleWire) -> None:
    assert names(people, "ben") == []
    assert names(people, "") == []
    assert names(people, "ben") == ["Ben Okafor"]
    made = people.json("POST", CREATE, {"names": [{"unstructuredName": "Benno Klein"}]}, personFields="names")
    assert made["names"][0]["familyName"] == "Klein"
    assert names(people, "ben") == ["Ben Okafor"]
    names(people, "")
    assert names(people, "ben") == ["Ben Okafor", "Benno Klein"]
    for query, found in (
        ("oka", 1),
        ("kafor", 0),
        ("coro", 1),
        ("912 345", 1),
        ("12 345", 0),
        ("+351 912", 1),
        ("فاط", 1),
    ):
        assert len(names(people, query)) == found, query


def test_other_contacts_and_directories_are_their_own(people: GoogleWire, emulator: EmulatorProcess) -> None:
    path, mask = "/v1/otherContacts:search", "names,emailAddresses"
    names(people, "", path, mask)
    assert names(people, "ben", path, mask) == ["Benedita Rocha"]
    there = "/v1/people:searchDirectoryPeople"
    sources = ["DIRECTORY_SOURCE_TYPE_DOMAIN_PROFILE"]
    asked = {"query": "e", "readMask": MASK, "sources": sources, "pageSize": 1}
    assert people.refused("GET", there, **asked) == (400, "FAILED_PRECONDITION")
    work = GoogleWire(emulator, "people.v1", ("directory.readonly",), "ana-work")
    first = work.json("GET", there, **asked)
    assert first["totalSize"] == 2
    second = work.json("GET", there, **asked, pageToken=first["nextPageToken"])
    assert "nextPageToken" not in second
    assert {row["people"][0]["names"][0]["displayName"] for row in (first, second)} == {
        "Emil Nowak", "Eleni Vassou",
    }  # fmt: skip
    assert work.refused("GET", SEARCH, query="a", readMask=MASK) == (403, "PERMISSION_DENIED")


def test_a_change_needs_the_present_version_and_leaves_other_fields(people: GoogleWire) -> None:
    mine = people.json("GET", "/v1/people/me/connections", personFields=MASK, pageSize=100)["connections"]
    [ines] = [row for row in mine if row["names"][0]["givenName"] == "Inês"]
    path = f"/v1/{ines['resourceName']}:updateContact"
    body = {"etag": ines["etag"], "emailAddresses": [{"value": "new@exemplo.example"}]}
    changed = people.json("PATCH", path, body, updatePersonFields="emailAddresses", personFields=MASK)
    assert [each["value"] for each in changed["emailAddresses"]] == ["new@exemplo.example"]
    assert changed["phoneNumbers"] == ines["phoneNumbers"]
    assert (
        people.refused("PATCH", path, body, updatePersonFields="emailAddresses")[1] == "FAILED_PRECONDITION"
    )
    assert people.refused("PATCH", path, {"names": []}, updatePersonFields="names")[0] == 400
    now = people.json("GET", f"/v1/{ines['resourceName']}", personFields="names,metadata")
    assert now["metadata"]["sources"][0]["type"] == "CONTACT"
    cleared = people.json("PATCH", path, {"etag": now["etag"]}, updatePersonFields="organizations")
    assert "organizations" not in cleared
    assert people("DELETE", f"/v1/{ines['resourceName']}:deleteContact").json() == {}
    assert people.refused("GET", f"/v1/{ines['resourceName']}", personFields="names")[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "query"),
    [
        ("GET", SEARCH, None, {"query": "a"}),
        ("GET", SEARCH, None, {"query": "a", "readMask": "name"}),
        ("GET", "/v1/otherContacts:search", None, {"query": "a", "readMask": "organizations"}),
        ("GET", "/v1/people/me/connections", None, {}),
        ("GET", "/v1/people/c1/connections", None, {"personFields": "names"}),
        ("POST", CREATE, {"names": [{"givenName": "a"}, {"givenName": "b"}]}, {}),
        ("POST", CREATE, {"emailAddresses": "a@b.example"}, {}),
    ],
)
def test_what_google_refuses(
    people: GoogleWire, method: str, path: str, body: Any, query: dict[str, Any]
) -> None:
    assert people.refused(method, path, body, **query) == (400, "INVALID_ARGUMENT")
