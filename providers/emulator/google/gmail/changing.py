"""Changing a mailbox: labels on messages, the bin, drafts, and what is sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from providers.emulator.google import query
from providers.emulator.google.gmail import incoming, refusals
from providers.emulator.google.gmail.mail import FIXED, Mail
from providers.emulator.google.gmail.visit import Visit

Json = dict[str, Any]
MOST_LABELS, MOST_IDS = 100, 1000
CLASSES = {"addClassificationLabels", "removeClassificationLabelIds"}
CHANGE = {"addLabelIds", "removeLabelIds"}
SENDING = "gmail.sending"


async def modify(visit: Visit) -> Json:
    """gmail.users.messages.modify."""
    data = await query.body(visit.request)
    add, remove = _labels(visit, data, CHANGE | CLASSES)
    return _minimal(visit, [visit.mail()], add, remove)[0]


async def modify_thread(visit: Visit) -> Json:
    """gmail.users.threads.modify."""
    data = await query.body(visit.request)
    add, remove = _labels(visit, data, CHANGE)
    return _whole(visit, _minimal(visit, visit.thread(), add, remove))


async def modify_many(visit: Visit) -> None:
    """gmail.users.messages.batchModify; ids of nothing are passed over."""
    data = await query.body(visit.request)
    add, remove = _labels(visit, data, CHANGE | CLASSES | {"ids"})
    ids = data.get("ids") or []
    if not isinstance(ids, list) or not ids:
        raise refusals.wrong("No message ids specified.")
    if len(ids) > MOST_IDS:
        raise refusals.wrong(f"Too many message ids specified (limit: {MOST_IDS}).")
    _minimal(visit, [visit.box.mails[id_] for id_ in ids if id_ in visit.box.mails], add, remove)


async def trash(visit: Visit) -> Json:
    """gmail.users.messages.trash."""
    return _minimal(visit, [visit.mail()], ["TRASH"], [])[0]


async def untrash(visit: Visit) -> Json:
    """gmail.users.messages.untrash; the inbox is another matter."""
    return _minimal(visit, [visit.mail()], [], ["TRASH"])[0]


async def trash_thread(visit: Visit) -> Json:
    """gmail.users.threads.trash."""
    return _whole(visit, _minimal(visit, visit.thread(), ["TRASH"], []))


async def untrash_thread(visit: Visit) -> Json:
    """gmail.users.threads.untrash."""
    return _whole(visit, _minimal(visit, visit.thread(), [], ["TRASH"]))


async def send(visit: Visit) -> Json:
    """gmail.users.messages.send."""
    data, raw = await incoming.taken(visit.request, draft=False)
    if raw is None:
        raise refusals.wrong(incoming.NO_RAW)
    return _sent(visit, raw, incoming.thread(data, draft=False))


async def create_draft(visit: Visit) -> Json:
    """gmail.users.drafts.create."""
    data, raw = await incoming.taken(visit.request, draft=True)
    if raw is None:
        raise refusals.wrong(incoming.NO_RAW)
    return _draft(visit.api.post.draft(visit.person, raw, incoming.thread(data, draft=True)))


async def update_draft(visit: Visit) -> Json:
    """gmail.users.drafts.update: another message in its place, in its thread unless another is named."""
    old = visit.draft()
    data, raw = await incoming.taken(visit.request, draft=True)
    if raw is None:
        raise refusals.wrong(incoming.NO_RAW)
    thread = incoming.thread(data, draft=True)
    return _draft(visit.api.post.draft(visit.person, raw, thread, old))


async def delete_draft(visit: Visit) -> None:
    """gmail.users.drafts.delete: for good, without the bin."""
    visit.box.remove(visit.draft())


async def send_draft(visit: Visit) -> Json:
    """gmail.users.drafts.send: the draft as it is, or as it comes along; then it is a draft no more."""
    data, raw = await incoming.taken(visit.request, draft=True)
    drafts = {mail.draft: mail for mail in visit.box.mails.values() if mail.draft}
    named = data.get("id")
    old = drafts.get(str(named)) if named else None
    if named and old is None:
        raise refusals.missing()
    if raw is None and old is None:
        raise refusals.wrong(incoming.NO_RAW)
    return _sent(visit, raw or (old.raw if old else b""), incoming.thread(data, draft=True), old)


def _sent(visit: Visit, raw: bytes, thread: str | None, old: Mail | None = None) -> Json:
    quota, key = visit.api.google.quota, visit.person.key
    mail = visit.api.post.send(visit.person, raw, thread, lambda count: quota.spend(SENDING, key, count), old)
    return {"id": mail.id, "threadId": mail.thread, "labelIds": list(mail.labels)}


def _draft(mail: Mail) -> Json:
    message = {"id": mail.id, "threadId": mail.thread, "labelIds": list(mail.labels)}
    return {"id": mail.draft, "message": message}


def _labels(visit: Visit, data: Json, allowed: set[str]) -> tuple[list[str], list[str]]:
    """The labels to add and to remove. Raises ApiError."""
    incoming.known(data, allowed)
    lists = [data.get(name) or [] for name in ("addLabelIds", "removeLabelIds")]
    if not all(isinstance(names, list) for names in lists):
        raise refusals.wrong("Invalid value for labels.")
    if any(len(names) > MOST_LABELS for names in lists):
        raise refusals.wrong(f"Too many labels specified (limit: {MOST_LABELS}).")
    add, remove = (visit.labels(names) for names in lists)
    if not add and not remove:
        raise refusals.wrong("No label add or removes specified")
    if set(add) & set(remove):
        raise refusals.wrong("Cannot both add and remove the same label")
    for label in (*add, *remove):
        if label in FIXED:
            raise refusals.wrong(f"Invalid label: {label}")
    return add, remove


def _minimal(visit: Visit, mails: Iterable[Mail], add: list[str], remove: list[str]) -> list[Json]:
    rows = []
    for mail in mails:
        visit.box.relabel(mail, add, remove)
        rows.append({"id": mail.id, "threadId": mail.thread, "labelIds": list(mail.labels)})
    return rows


def _whole(visit: Visit, rows: list[Json]) -> Json:
    return {"id": rows[0]["threadId"], "messages": rows}
