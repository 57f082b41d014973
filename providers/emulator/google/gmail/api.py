"""gmail.googleapis.com: everybody's mail."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from providers.emulator.google.api import Api
from providers.emulator.google.gmail import changing, labels, mime, reading
from providers.emulator.google.gmail.data import furnish
from providers.emulator.google.gmail.methods import HOST, PRICES, SERVED, UNBUILT, UPLOADS
from providers.emulator.google.gmail.post import Post
from providers.emulator.google.gmail.visit import handler
from providers.emulator.google.guard import Handler
from providers.emulator.google.people import Person
from providers.emulator.google.quota import Bucket
from providers.emulator.upstream import Reads, Writes

Json = dict[str, Any]
WORDS = "send|batchModify|batchDelete|import"

ANSWERS = {
    "getProfile": reading.profile,
    "labels.list": labels.labels,
    "labels.get": labels.label,
    "labels.create": labels.create,
    "labels.patch": labels.patch,
    "labels.update": labels.update,
    "labels.delete": labels.delete,
    "messages.list": reading.messages,
    "messages.get": reading.message,
    "messages.send": changing.send,
    "messages.modify": changing.modify,
    "messages.batchModify": changing.modify_many,
    "messages.trash": changing.trash,
    "messages.untrash": changing.untrash,
    "messages.attachments.get": reading.attachment,
    "threads.list": reading.threads,
    "threads.get": reading.thread,
    "threads.modify": changing.modify_thread,
    "threads.trash": changing.trash_thread,
    "threads.untrash": changing.untrash_thread,
    "drafts.list": reading.drafts,
    "drafts.get": reading.draft,
    "drafts.create": changing.create_draft,
    "drafts.update": changing.update_draft,
    "drafts.delete": changing.delete_draft,
    "drafts.send": changing.send_draft,
    "history.list": reading.history,
    "settings.sendAs.list": reading.addresses,
}


class GmailApi(Api):
    """Mailboxes, and the post between them."""

    name = "gmail"
    base = HOST
    hosts = frozenset({"gmail.googleapis.com"})
    served = SERVED
    unbuilt = UNBUILT
    uploads = UPLOADS
    both = True
    ids = re.compile(rf"/(messages|threads|drafts|labels|attachments|users)/(?!(?:{WORDS})$)[^/]+")
    buckets = (
        Bucket("gmail", 6000),
        Bucket(changing.SENDING, 500, 86400, reason="rateLimitExceeded", status=429),
    )
    cost = {f"gmail.users.{name}": ("gmail", units) for name, units in PRICES.items()}  # noqa: RUF012

    post: Post

    def settle(self, now: float) -> None:
        """Everybody's mail as of now."""
        self.post = Post(self.google.clock, self.google.people, now, furnish)

    def handlers(self) -> Mapping[str, Handler]:
        """What is served."""
        return {f"gmail.users.{name}": handler(self, answer) for name, answer in ANSWERS.items()}

    def reads(self) -> Reads:
        """`gmail/mailbox`: what somebody truly has; `gmail/sent`: what was sent, by whom and to whom."""
        return {"gmail/mailbox": self._mailbox, "gmail/sent": lambda query: self.post.sent}

    def writes(self) -> Writes:
        """`gmail/put`: a message arrives as it is (`raw` in base64, or `text`), with `labels` by name."""
        return {"gmail/put": self._put}

    def dump(self) -> Json:
        """All the mail."""
        return self.post.dump()

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave."""
        self.post.load(data)

    def _mailbox(self, query: Mapping[str, str]) -> Json:
        box = self.post.box(self._person(query.get("account", "ana")))
        return {
            "messages": [
                {
                    "id": mail.id,
                    "thread": mail.thread,
                    "draft": mail.draft,
                    "at": mail.at,
                    "message_id": mail.message_id,
                    "subject": mail.root.header("Subject"),
                    **{name.lower(): mail.root.addresses(name) for name in ("From", "To", "Cc", "Bcc")},
                    "labels": [box.labels[label].name for label in mail.labels],
                    "files": mail.files,
                    "size": len(mail.raw),
                    "text": mime.text(mail.root)[:10_000],
                }
                for mail in box.latest()
            ],
            "labels": {label.name: label.id for label in box.labels.values()},
        }

    def _put(self, body: Json) -> Json:
        person = self._person(str(body.get("account", "ana")))
        raw = body["text"].encode() if "text" in body else base64.b64decode(str(body.get("raw", "")))
        box = self.post.box(person)
        ids = []
        for name in body.get("labels", ("UNREAD", "INBOX")):
            ids.append((box.named(name) or box.label(name)).id)
        mail = self.post.put(person, raw, ids, body.get("at"))
        return {"id": mail.id, "thread": mail.thread}

    def _person(self, key: str) -> Person:
        if key not in self.google.people:
            raise ValueError(f"There is no account {key!r}.")
        return self.google.people[key]
