"""What is said of a person, and when two results are the same one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel

from mcp_server.tools.text import clip, quoted
from providers.google.contactanswers import Person

Source = Literal["contacts", "other", "directory"]
_MOST = 10


class PersonView(BaseModel):
    """A person; the first address is the main one."""

    resource_name: str
    name: str | None = None
    emails: list[str] | None = None
    phones: list[str] | None = None
    organization: str | None = None
    title: str | None = None


class FoundView(PersonView):
    """A person, and where they were found; the resource name is of the first place."""

    sources: list[Source]


def view(person: Person) -> PersonView:
    """At most ten addresses and phones of a person."""
    return PersonView(
        resource_name=clip(person.resource_name, 120),
        name=clip(person.name, 120) or None,
        emails=[clip(text, 120) for text in person.emails[:_MOST]] or None,
        phones=[clip(text, 60) for text in person.phones[:_MOST]] or None,
        organization=clip(person.organization, 120) or None,
        title=clip(person.title, 120) or None,
    )


def line(person: PersonView) -> str:
    """A person on one line, for a reader."""
    parts = [quoted(person.name)] if person.name else []
    parts += [clip(text, 80) for text in (person.emails or [])[:2] + (person.phones or [])[:1]]
    if person.organization:
        parts.append(quoted(person.organization, 60))
    return f"{', '.join(parts) or 'no name'}, {person.resource_name}"


def merged(found: Iterable[tuple[Source, Person]]) -> list[FoundView]:
    """Everybody once, in order: who has an address in common with somebody before is the same person."""
    rows: list[FoundView] = []
    known: dict[str, FoundView] = {}
    for source, person in found:
        keys = [person.resource_name, *(text.casefold() for text in person.emails)]
        same = next((known[key] for key in keys if key in known), None)
        if same is None:
            same = FoundView(**view(person).model_dump(), sources=[])
            rows.append(same)
        else:
            _add(same, view(person))
        if source not in same.sources:
            same.sources.append(source)
        known |= dict.fromkeys(keys, same)
    return rows


def _add(row: FoundView, more: PersonView) -> None:
    """Add what another source knows of the same person."""
    seen = {text.casefold() for text in row.emails or []}
    emails = [*(row.emails or []), *(text for text in more.emails or [] if text.casefold() not in seen)]
    phones = [*(row.phones or []), *(text for text in more.phones or [] if text not in (row.phones or []))]
    row.emails, row.phones = emails[:_MOST] or None, phones[:_MOST] or None
    row.name = row.name or more.name
    row.organization, row.title = row.organization or more.organization, row.title or more.title
