"""What Google Tasks answers, as types. Field names: tasks.v1."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from providers.model import Model, Text

Next = Annotated[str | None, Field(validation_alias="nextPageToken")]


class TaskList(Model):
    """A list of tasks."""

    id: Text = ""
    title: Text = ""
    updated: Text = ""


class TaskLists(Model):
    """A part of the lists, the default one first."""

    items: tuple[TaskList, ...] = ()
    next_page_token: Next = None


class Assigned(Model):
    """Where a task that somebody assigned comes from: a document or a chat space."""

    surface: Annotated[Text, Field(validation_alias="surfaceType")] = ""
    link: Annotated[Text, Field(validation_alias="linkToTask")] = ""


class Task(Model):
    """A task. Of `due` only the date counts; the time in it is always midnight."""

    id: Text = ""
    etag: Text = ""
    title: Text = ""
    notes: Text = ""
    due: Text = ""
    status: Text = ""
    completed: Text = ""
    parent: Text = ""
    position: Text = ""
    deleted: bool = False
    hidden: bool = False
    link: Annotated[Text, Field(validation_alias="webViewLink")] = ""
    assigned: Annotated[Assigned | None, Field(validation_alias="assignmentInfo")] = None

    @property
    def day(self) -> str:
        """The day it is due, `2026-12-01`, or nothing."""
        return self.due[:10]

    @property
    def done(self) -> bool:
        """Whether it is ticked off."""
        return self.status == "completed"


class TaskPage(Model):
    """A part of a list."""

    items: tuple[Task, ...] = ()
    next_page_token: Next = None
