"""contacts_save."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import ContactsClient
from mcp_server.tools.google.contacts.view import PersonView, line, view
from mcp_server.tools.text import listed
from mcp_server.tools.undo import Undo
from providers.base import Conflict, Rejected
from providers.google.contactanswers import Person, Rows
from providers.google.contacts import Contacts
from providers.google.record import GOOGLE
from providers.google.services import CONTACTS

_MOST = 20
_MOST_UNDO = 12_000  # bytes of an answer
_ADDRESS = re.compile(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+")
_FIELDS = {"name": "names", "emails": "emailAddresses", "phones": "phoneNumbers",
           "organization": "organizations"}  # fmt: skip


class Saved(BaseModel):
    """The contact as it stands now."""

    contact: PersonView
    created: bool
    before: PersonView | None = None
    changed: list[str]
    undo: Undo | None = None


@tool(
    service="contacts",
    title="Save a contact",
    access="write",
    needs=(CONTACTS,),
    read_only=False,
    destructive=True,
    idempotent=False,
)
async def contacts_save(
    contacts: ContactsClient,
    resource_name: Annotated[
        str | None, Field(max_length=120, description="people/… of a contact to change; none: a new one.")
    ] = None,
    name: Annotated[str | None, Field(max_length=200)] = None,
    emails: Annotated[
        list[Annotated[str, Field(max_length=254)]] | None,
        Field(max_length=_MOST, description="All of them."),
    ] = None,
    phones: Annotated[
        list[Annotated[str, Field(max_length=60)]] | None, Field(max_length=_MOST, description="All of them.")
    ] = None,
    organization: Annotated[str | None, Field(max_length=200, description="'' clears.")] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Saved]:
    """Add a contact to Google Contacts, or change one. What is left out stays as it is."""
    _checked(emails or [], phones or [])
    given = {"name": name, "emails": emails, "phones": phones, "organization": organization}
    if resource_name is None:
        if not (name and name.strip()) and not emails and not phones:
            raise Refusal("invalid_argument", "A new contact needs `name`, `emails` or `phones`.")
        made = await contacts.create(_body(Person(), given))
        done = [each for each in given if given[each]]
        result = Saved(contact=view(made), created=True, changed=done)
        text = f"Added {line(result.contact)}. Only the person can delete it, in Google Contacts."
        return answer(result, text)
    id_ = _id(resource_name)
    before = await contacts.person(id_)
    wanted = {each: value for each, value in given.items() if value is not None}
    if not wanted:
        raise Refusal("invalid_argument", "Say what to change: name, emails, phones or organization.")
    wanted = {each: value for each, value in wanted.items() if value != _old(before, each)}
    after = await _updated(contacts, id_, before, _body(before, wanted)) if wanted else before
    undo = _undo(before, wanted, account)
    result = Saved(
        contact=view(after), created=False, before=view(before), changed=list(wanted), undo=undo
    )  # fmt: skip
    what = f"Changed {listed(wanted)} of" if wanted else "Nothing had to be changed of"
    return answer(result, f"{what} {line(result.contact)}.{_lost(before, wanted, undo)}")


def _lost(before: Person, wanted: dict[str, Any], undo: Undo | None) -> str:
    """What a call can't put back: an argument of ours has words alone."""
    if wanted and undo is None:
        return " What it had before can't be put back by one call."
    rows = [(before.email_rows, "emails", "value"), (before.phone_rows, "phones", "value")]
    gone = [
        {key for key, value in row.items() if value} - {word}
        for known, name, word in rows
        for row in known
        if name in wanted and row.get(word) not in wanted[name]
    ]
    if "organization" in wanted and not wanted["organization"].strip():
        gone += [{key for key, value in row.items() if value} - {"name"} for row in before.organization_rows]
    return " `undo` puts the words back, but no title or kind, such as work." if any(gone) else ""


def _checked(emails: Sequence[str], phones: Sequence[str]) -> None:
    """Raises Refusal for what is no address or no phone."""
    if not all(_ADDRESS.fullmatch(text) and text.isprintable() for text in emails):
        raise Refusal("invalid_argument", "Each of `emails` must be a bare address, such as a@example.com.")
    if not all(any(char.isdigit() for char in text) and text.isprintable() for text in phones):
        raise Refusal("invalid_argument", "Each of `phones` must be one phone number.")


def _id(resource_name: str) -> str:
    kind, _, id_ = resource_name.partition("/")
    if kind == "otherContacts":
        raise Refusal("invalid_argument", "Other contacts can't be changed: add one without resource_name.")
    if kind != "people" or not re.fullmatch(r"[A-Za-z0-9_-]+", id_) or id_ == "me":
        raise Refusal("invalid_argument", "`resource_name` must be one that contacts_search gave: people/c….")
    return id_


def _body(person: Person, given: dict[str, Any]) -> dict[str, Any]:
    """Those fields as Google wants them; of what stays in a list, its kind and label stay, too."""
    body: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        if name == "name":
            body["names"] = [{"unstructuredName": value}] if value.strip() else []
        elif name == "organization":
            first, *rest = person.organization_rows or ({},)
            body["organizations"] = [{**first, "name": value}, *rest] if value.strip() else rest
        else:
            rows = person.email_rows if name == "emails" else person.phone_rows
            body[_FIELDS[name]] = _kept(rows, value)
    return body


def _kept(rows: Rows, values: Sequence[str]) -> list[dict[str, Any]]:
    known = {str(row.get("value")): row for row in rows}
    return [known.get(value, {"value": value}) for value in dict.fromkeys(values)]


def _old(person: Person, name: str) -> Any:
    return {"name": person.name, "emails": person.emails, "phones": person.phones,
            "organization": person.organization}[name]  # fmt: skip


def _undo(before: Person, wanted: dict[str, Any], account: str | None) -> Undo | None:
    """The call that puts the fields back; None where it would not be taken, or is too long for an answer."""
    names, kept = list(wanted), bool(str(wanted.get("organization", "")).strip())
    emails = before.emails if "emails" in names else []
    phones = before.phones if "phones" in names else []
    whole = [_old(before, name) for name in names if name in {"name", "organization"}]
    longest = ((emails, 254), (phones, 60), (whole, 200))
    if not names or any(len(text) > most for texts, most in longest for text in texts):
        return None
    if len(emails) > _MOST or len(phones) > _MOST:
        return None
    if "organization" in names and len(before.organization_rows) > 1 and not kept:
        return None  # it would be written over the next one, which is the first now
    try:
        _checked(emails, phones)
    except Refusal:
        return None
    old = {name: _old(before, name) for name in names}
    call = Undo(tool="contacts_save", arguments={"resource_name": before.resource_name, **old}).at(account)
    return call if len(call.model_dump_json().encode()) <= _MOST_UNDO else None


async def _updated(contacts: Contacts, id_: str, before: Person, body: dict[str, Any]) -> Person:
    """The contact with those fields replaced. Raises Conflict where it changed meanwhile."""
    try:
        return await contacts.update(id_, before.etag, body)
    except Rejected as error:
        if error.reason != "FAILED_PRECONDITION":
            raise
        raise Conflict(GOOGLE.name, "update") from None
