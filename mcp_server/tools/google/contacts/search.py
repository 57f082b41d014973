"""contacts_search."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel, Pause
from mcp_server.ladder import Sleep
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import ContactsClient
from mcp_server.tools.google.contacts.view import FoundView, Source, line, merged
from mcp_server.tools.room import fitting
from mcp_server.tools.text import listed, quoted
from providers.base import Rejected
from providers.google.contactanswers import Person
from providers.google.contacts import Contacts
from providers.google.services import CONTACTS_READ

_ORDER: tuple[Source, ...] = ("contacts", "directory", "other")
_GAP = 1.0


class People(BaseModel):
    """Who was found, each once."""

    people: list[FoundView]
    total: int
    not_searched: Annotated[list[Source] | None, Field(description="This account has no such place.")] = None


@tool(
    service="contacts",
    title="Search contacts",
    needs=(CONTACTS_READ,),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def contacts_search(
    contacts: ContactsClient,
    pause: Pause,
    query: Annotated[
        str,
        Field(min_length=1, max_length=100, description="Beginning of a name, address, phone, company."),
    ],
    sources: Annotated[
        list[Source],
        Field(
            min_length=1,
            max_length=3,
            description="other: people only written to. directory: of an organisation.",
        ),
    ] = ["contacts"],  # noqa: B006  read, and never changed
    limit: Annotated[int, Field(ge=1, le=30)] = 10,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, People]:
    """Find people in Google Contacts, with their addresses and phones."""
    if not query.strip():
        raise Refusal("invalid_argument", "`query` must be the beginning of a word.")
    found: list[tuple[Source, Person]] = []
    missing: list[Source] = []
    for source in [each for each in _ORDER if each in sources]:
        if source == "directory":
            try:
                rows = await contacts.directory(query, limit)
            except Rejected as error:
                if error.reason != "FAILED_PRECONDITION":
                    raise
                missing.append(source)
                continue
        else:
            rows = await _searched(contacts, source, query, limit, pause)
        found += [(source, row) for row in rows]
    everybody = merged(found)[:limit]
    count = fitting([(row, line(row)) for row in everybody])
    result = People(people=everybody[:count], total=len(everybody), not_searched=missing or None)
    return answer(result, _text(query, result, full=len(everybody) == limit))


async def _searched(
    contacts: Contacts, source: Source, query: str, limit: int, pause: Sleep
) -> tuple[Person, ...]:
    """A search that was warmed up first; where it finds nobody it may not be warm yet, and is tried again."""
    ask = contacts.search if source == "contacts" else contacts.other
    await ask("", 1)
    rows = await ask(query, limit)
    if not rows:
        await pause(_GAP)
        rows = await ask(query, limit)
    return rows


def _text(query: str, result: People, *, full: bool) -> str:
    lines = [f"{line(row)} ({listed(row.sources)})" for row in result.people]
    more = ["There may be more: use more letters."] if full or len(lines) < result.total else []
    if result.not_searched:
        more.append("No directory was searched: this account is of no organisation.")
    head = f"{len(lines)} found:" if lines else f"Nobody was found whose fields begin with {quoted(query)}."
    return "\n".join([head, *lines, *more])
