"""What Google's People API answers, as types. Field names: people.v1."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from providers.model import Model, Text

Rows = tuple[dict[str, Any], ...]


class Name(Model):
    """A name as it is written in the account's language."""

    whole: Annotated[Text, Field(validation_alias="displayName")] = ""


class Person(Model):
    """Somebody in contacts, other contacts or a directory.

    Addresses, phones and organisations are as Google has them, so that what is not changed in them is sent
    back as it was.
    """

    resource_name: Annotated[Text, Field(validation_alias="resourceName")] = ""
    etag: Text = ""
    names: tuple[Name, ...] = ()
    email_rows: Annotated[Rows, Field(validation_alias="emailAddresses")] = ()
    phone_rows: Annotated[Rows, Field(validation_alias="phoneNumbers")] = ()
    organization_rows: Annotated[Rows, Field(validation_alias="organizations")] = ()

    @property
    def name(self) -> str:
        """What they are called, or nothing."""
        return self.names[0].whole if self.names else ""

    @property
    def emails(self) -> list[str]:
        """Their addresses, the first one being the main one."""
        return _texts(self.email_rows, "value")

    @property
    def phones(self) -> list[str]:
        """Their numbers."""
        return _texts(self.phone_rows, "value")

    @property
    def organization(self) -> str:
        """Where they work, or nothing."""
        return next(iter(_texts(self.organization_rows[:1], "name")), "")

    @property
    def title(self) -> str:
        """What they are there."""
        return next(iter(_texts(self.organization_rows[:1], "title")), "")


def _texts(rows: Rows, name: str) -> list[str]:
    return [text for row in rows if isinstance(text := row.get(name), str) and text]


class Found(Model):
    """One result of a search."""

    person: Person = Person()


class FoundPage(Model):
    """The results of a search. There are no further pages."""

    results: tuple[Found, ...] = ()


class DirectoryPage(Model):
    """The first results of a search in a directory."""

    people: tuple[Person, ...] = ()
