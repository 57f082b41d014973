"""The methods of people.v1, as its discovery document has them: name, verb, path, accepted scopes."""

from __future__ import annotations

from providers.emulator.google.api import rest

READING = ("contacts", "contacts.readonly")
WRITING = ("contacts",)
ANYBODY = (
    *READING, "contacts.other.readonly", "directory.readonly", "user.addresses.read", "user.birthday.read",
    "user.emails.read", "user.gender.read", "user.organization.read", "user.phonenumbers.read",
    "userinfo.email", "userinfo.profile",
)  # fmt: skip

SERVED: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("people.people.searchContacts", "GET", "/people:searchContacts", READING),
    ("people.otherContacts.search", "GET", "/otherContacts:search", ("contacts.other.readonly",)),
    ("people.people.searchDirectoryPeople", "GET", "/people:searchDirectoryPeople", ("directory.readonly",)),
    ("people.people.createContact", "POST", "/people:createContact", WRITING),
    ("people.people.connections.list", "GET", "/people/{person}/connections", READING),
    ("people.people.updateContact", "PATCH", "/people/{person}:updateContact", WRITING),
    ("people.people.deleteContact", "DELETE", "/people/{person}:deleteContact", WRITING),
)
GET = ("people.people.get", "GET", "/people/{person}", ANYBODY)

UNBUILT = rest(
    """
    GET,POST /contactGroups
    GET /contactGroups:batchGet /people:batchGet /people:listDirectoryPeople /otherContacts
    DELETE,GET,PUT /contactGroups/{group}
    POST /contactGroups/{group}/members:modify /otherContacts/{person}:copyOtherContactToMyContactsGroup
    POST /people:batchCreateContacts /people:batchDeleteContacts /people:batchUpdateContacts
    DELETE /people/{person}:deleteContactPhoto
    PATCH /people/{person}:updateContactPhoto
    """
)
"""The API has these; the emulator answers 501 until it does."""
