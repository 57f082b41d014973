"""Gmail's answers as types. Field names: the discovery document of gmail.v1."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from providers.model import Model, Text


class Header(Model):
    """One line of a mail's head, as its sender wrote it."""

    name: Text = ""
    value: Text = ""


class Body(Model):
    """A part's bytes: here (`data`, base64url), or elsewhere under an id that holds for this answer."""

    size: int = 0
    data: Text = ""
    attachment_id: Annotated[Text, Field(validation_alias="attachmentId")] = ""


class Part(Model):
    """A piece of a mail, which may hold others. `part_id` never changes."""

    part_id: Annotated[Text, Field(validation_alias="partId")] = ""
    mime_type: Annotated[Text, Field(validation_alias="mimeType")] = ""
    filename: Text = ""
    headers: tuple[Header, ...] = ()
    body: Body = Body()
    parts: tuple[Part, ...] = ()

    def header(self, name: str) -> str:
        """The first header of that name, whatever its case; "" where there is none."""
        wanted = name.lower()
        return next((each.value for each in self.headers if each.name.lower() == wanted), "")


class Message(Model):
    """A mail. `internal_date`: when Gmail took it, in ms since 1970; the sender's `Date` may say anything."""

    id: Text = ""
    thread_id: Annotated[Text, Field(validation_alias="threadId")] = ""
    label_ids: Annotated[tuple[Text, ...], Field(validation_alias="labelIds")] = ()
    snippet: Text = ""
    internal_date: Annotated[Text, Field(validation_alias="internalDate")] = ""
    size_estimate: Annotated[int, Field(validation_alias="sizeEstimate")] = 0
    payload: Part = Part()


class Thread(Model):
    """A conversation: its messages, the oldest first."""

    id: Text = ""
    snippet: Text = ""
    messages: tuple[Message, ...] = ()


class ThreadPage(Model):
    """A part of a search; of each thread id and snippet. `estimate` is Gmail's guess at the total."""

    threads: tuple[Thread, ...] = ()
    next_page_token: Annotated[str | None, Field(validation_alias="nextPageToken")] = None
    estimate: Annotated[int, Field(validation_alias="resultSizeEstimate")] = 0


class Label(Model):
    """A label: of the person's own (`user`), or Gmail's (`system`)."""

    id: Text = ""
    name: Text = ""
    type: Text = ""


class LabelList(Model):
    """All labels there are, at most 10,000."""

    labels: tuple[Label, ...] = ()


class Draft(Model):
    """A mail that was not sent yet. Its id stays, that of its message changes whenever it is edited."""

    id: Text = ""
    message: Message = Message()


class DraftPage(Model):
    """A part of the drafts; of each message only the ids."""

    drafts: tuple[Draft, ...] = ()
    next_page_token: Annotated[str | None, Field(validation_alias="nextPageToken")] = None


class MessagePage(Model):
    """Ids of messages that a search found."""

    messages: tuple[Message, ...] = ()


class Content(Model):
    """The bytes of an attachment, base64url."""

    size: int = 0
    data: Text = ""
