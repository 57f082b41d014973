"""The labels of a mailbox."""

from __future__ import annotations

import re
from typing import Any

from providers.emulator.google import query
from providers.emulator.google.gmail import incoming, refusals, shown
from providers.emulator.google.gmail.mail import SYSTEM, Label
from providers.emulator.google.gmail.visit import Visit

Json = dict[str, Any]
FIELDS = {
    "id", "name", "color", "labelListVisibility", "messageListVisibility", "type", "messagesTotal",
    "messagesUnread", "threadsTotal", "threadsUnread",
}  # fmt: skip
VISIBLE = {"messageListVisibility": ("show", "hide"),
           "labelListVisibility": ("labelShow", "labelShowIfUnread", "labelHide")}  # fmt: skip
COLOR = re.compile(r"#[0-9a-f]{6}")
LONGEST = 225
RESERVED = {name.casefold() for name in SYSTEM} | {"bin", "all mail", "drafts", "archive"}


async def labels(visit: Visit) -> Json:
    """gmail.users.labels.list."""
    return {"labels": [shown.label(label) for label in visit.box.labels.values()]}


async def label(visit: Visit) -> Json:
    """gmail.users.labels.get."""
    return shown.counted(visit.box, visit.label())


async def create(visit: Visit) -> Json:
    """gmail.users.labels.create."""
    data = await query.body(visit.request)
    _checked(visit, data, None)
    made = visit.box.label(data["name"].strip())
    _change(made, data)
    return shown.label(made)


async def patch(visit: Visit) -> Json:
    """gmail.users.labels.patch."""
    label, data = _own(visit), await query.body(visit.request)
    _checked(visit, {"name": label.name, **data}, label)
    _change(label, data)
    return shown.label(label)


async def update(visit: Visit) -> Json:
    """gmail.users.labels.update: what is not named is as if it were new."""
    label, data = _own(visit), await query.body(visit.request)
    _checked(visit, data, label)
    label.message_visibility, label.list_visibility, label.color = "show", "labelShow", None
    _change(label, data)
    return shown.label(label)


async def delete(visit: Visit) -> None:
    """gmail.users.labels.delete: it comes off every message."""
    label = visit.label()
    if label.system:
        raise refusals.wrong("Invalid delete request")
    visit.box.unlabel(label)


def _own(visit: Visit) -> Label:
    label = visit.label()
    if label.system:
        raise refusals.wrong("Invalid update request")
    return label


def _checked(visit: Visit, data: Json, old: Label | None) -> None:
    """Raises ApiError for a label that cannot be."""
    incoming.known(data, FIELDS)
    name = data.get("name")
    if not isinstance(name, str) or not name.strip().strip("/") or len(name) > LONGEST:
        raise refusals.wrong("Invalid label name")
    if name.strip().casefold() in RESERVED:
        raise refusals.wrong("Invalid label name")
    for field, allowed in VISIBLE.items():
        if data.get(field) is not None and data[field] not in allowed:
            raise refusals.wrong(f"Invalid value at 'label.{field}'")
    color = data.get("color")
    if color is not None and not (
        isinstance(color, dict)
        and color.keys() == {"textColor", "backgroundColor"}
        and all(isinstance(value, str) and COLOR.fullmatch(value) for value in color.values())
    ):
        raise refusals.wrong("Label color is not on the allowed color palette")
    other = visit.box.named(name.strip())
    if other is not None and other is not old:
        raise refusals.conflict()


def _change(label: Label, data: Json) -> None:
    label.name = str(data.get("name", label.name)).strip()
    label.message_visibility = data.get("messageListVisibility") or label.message_visibility
    label.list_visibility = data.get("labelListVisibility") or label.list_visibility
    label.color = data.get("color") or label.color
