"""Reading a mailbox: lists, messages, threads, attachments, history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from providers.emulator.google import query
from providers.emulator.google.gmail import mime, refusals, shown
from providers.emulator.google.gmail.visit import Visit

Json = dict[str, Any]
KINDS = {"messageAdded": "messagesAdded", "messageDeleted": "messagesDeleted", "labelAdded": "labelsAdded",
         "labelRemoved": "labelsRemoved"}  # fmt: skip


async def profile(visit: Visit) -> Json:
    """gmail.users.getProfile."""
    box = visit.box
    return {
        "emailAddress": visit.person.email,
        "messagesTotal": len(box.mails),
        "threadsTotal": len({mail.thread for mail in box.mails.values()}),
        "historyId": str(box.history),
    }


async def messages(visit: Visit) -> Json:
    """gmail.users.messages.list."""
    rows = [{"id": mail.id, "threadId": mail.thread} for mail in visit.matching()]
    return _page(visit, "messages", rows)


async def threads(visit: Visit) -> Json:
    """gmail.users.threads.list: a thread is there when any message of it matches."""
    rows = []
    for id_ in dict.fromkeys(mail.thread for mail in visit.matching()):
        mails = visit.box.thread(id_)
        history = max(mail.history for mail in mails)
        rows.append({"id": id_, "snippet": mime.snippet(mails[-1].root), "historyId": str(history)})
    return _page(visit, "threads", rows)


async def drafts(visit: Visit) -> Json:
    """gmail.users.drafts.list."""
    rows = [
        {"id": mail.draft, "message": {"id": mail.id, "threadId": mail.thread}}
        for mail in visit.matching()
        if mail.draft
    ]
    return _page(visit, "drafts", rows)


async def message(visit: Visit) -> Json:
    """gmail.users.messages.get."""
    form, headers = _format(visit, shown.FORMATS)
    return shown.message(visit.mail(), form, headers)


async def thread(visit: Visit) -> Json:
    """gmail.users.threads.get."""
    form, headers = _format(visit, ("full", "metadata", "minimal"))
    return shown.thread(visit.box, visit.thread()[0].thread, form, headers)


async def draft(visit: Visit) -> Json:
    """gmail.users.drafts.get."""
    form, _ = _format(visit, shown.FORMATS)
    mail = visit.draft()
    return {"id": mail.draft, "message": shown.message(mail, form)}


async def attachment(visit: Visit) -> Json:
    """gmail.users.messages.attachments.get."""
    part = shown.found(visit.mail(), visit.request.path_params["attachment"])
    if part is None:
        raise refusals.wrong("Invalid attachment token")
    return {"size": len(part.body), "data": shown.encoded(part.body)}


async def history(visit: Visit) -> Json:
    """gmail.users.history.list."""
    text = visit.request.query_params.get("startHistoryId")
    if text is None:
        raise refusals.wrong("Missing required parameter: startHistoryId")
    first = min((change.id for change in visit.box.changes), default=visit.box.history)
    if not text.isdigit() or not first <= int(text) <= visit.box.history:
        raise refusals.missing()
    kinds = {KINDS[kind] for kind in query.choices(visit.request, "historyTypes", tuple(KINDS))}
    label = visit.request.query_params.get("labelId")
    changes = [
        change
        for change in visit.box.changes
        if change.id > int(text)
        and (not kinds or change.kind in kinds)
        and (label is None or label in {*change.had, *change.labels})
    ]
    rows = []
    for change in changes:
        named = {"id": change.message, "threadId": change.thread}
        entry: Json = {"message": {**named, "labelIds": change.had}}
        if change.labels:
            entry["labelIds"] = change.labels
        rows.append({"id": str(change.id), "messages": [named], change.kind: [entry]})
    some, token = query.page(visit.request, rows, query.whole(visit.request, "maxResults", 100, 500))
    answer: Json = {"historyId": str(visit.box.history)}
    return answer | ({"history": some} if some else {}) | ({"nextPageToken": token} if token else {})


async def addresses(visit: Visit) -> Json:
    """gmail.users.settings.sendAs.list."""
    rows: list[Json] = []
    for address, name in visit.api.post.addresses(visit.person).items():
        row: Json = {"sendAsEmail": address, "displayName": name, "replyToAddress": "", "signature": ""}
        if address == visit.person.email:
            row |= {"isPrimary": True, "isDefault": True}
        else:
            row |= {"treatAsAlias": True, "verificationStatus": "accepted"}
        rows.append(row)
    return {"sendAs": rows}


def _page(visit: Visit, name: str, rows: list[Json]) -> Json:
    """A page; where there is nothing, Gmail leaves the list out."""
    some, token = query.page(visit.request, rows, query.whole(visit.request, "maxResults", 100, 500))
    answer: Json = {name: some} if some else {}
    return answer | ({"nextPageToken": token} if token else {}) | {"resultSizeEstimate": len(rows)}


def _format(visit: Visit, allowed: tuple[str, ...]) -> tuple[str, Iterable[str]]:
    """The format asked for, and the headers. Raises ApiError."""
    form = query.choice(visit.request, "format", allowed) or "full"
    if visit.glancing and form in {"full", "raw"}:
        raise refusals.forbidden(f"Metadata scope doesn't allow format {form.upper()}")
    return form, visit.request.query_params.getlist("metadataHeaders")
