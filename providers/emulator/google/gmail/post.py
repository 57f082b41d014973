"""Everybody's mailboxes, and the post between them."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, formataddr, getaddresses
from typing import Any

from providers.emulator.clock import Clock
from providers.emulator.google.gmail import mime, refusals
from providers.emulator.google.gmail.envelope import Envelope
from providers.emulator.google.gmail.mail import Mail, Mailbox
from providers.emulator.google.gmail.mime import Part
from providers.emulator.google.people import Person

Json = dict[str, Any]
Furnish = Callable[[Person, Mailbox, float], None]
ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;.]+(\.[^@\s<>,;.]+)*")
RECIPIENTS = ("To", "Cc", "Bcc")
MOST_RECIPIENTS = 500
ALIASES = {"ana-work": ("studio@duarte-atelier.example", "Duarte Atelier")}
"""Further addresses that somebody may write from."""


class Post:
    """A mailbox is filled when it is first looked into, with what was there at `began` (epoch seconds)."""

    def __init__(self, clock: Clock, people: Mapping[str, Person], began: float, furnish: Furnish) -> None:
        self._clock, self._people, self._furnish = clock, people, furnish
        self.began = began
        self.sent: list[Json] = []
        self._boxes: dict[str, Mailbox] = {}

    def box(self, person: Person) -> Mailbox:
        """Somebody's mailbox."""
        if person.key not in self._boxes:
            self._boxes[person.key] = Mailbox()
            self._furnish(person, self._boxes[person.key], self.began)
        return self._boxes[person.key]

    def addresses(self, person: Person) -> dict[str, str]:
        """What somebody may write from, each with the name beside it; their own address first."""
        alias = ALIASES.get(person.key)
        return {person.email: person.name, **({alias[0]: alias[1]} if alias else {})}

    # Coming and going

    def put(
        self, person: Person, raw: bytes, labels: Iterable[str] = ("UNREAD", "INBOX"), at: float | None = None
    ) -> Mail:
        """A message arrives, in the thread of what it answers or in one of its own."""
        box = self.box(person)
        mail = self._mail(raw, labels, at)
        kin = box.kin(mail)
        mail.thread = kin.thread if kin else mail.id
        return box.add(mail)

    def draft(self, person: Person, raw: bytes, thread: str | None, old: Mail | None = None) -> Mail:
        """Keep a draft, in that thread where it belongs there; in place of `old`, in its thread unless named.

        Raises ApiError 404 for an unknown thread.
        """
        envelope = Envelope(raw)
        self._sign(envelope, person, mime.parsed(raw))
        mail = self._mail(envelope.raw, ("DRAFT",))
        mail.draft = old.draft if old else f"r{secrets.randbelow(10**18) + 10**17}"
        mail.thread = self._thread(self.box(person), mail, thread, old)
        if old is not None:
            self.box(person).remove(old)
        return self.box(person).add(mail)

    def send(
        self, person: Person, raw: bytes, thread: str | None, spend: Callable[[int], None], old: Mail | None
    ) -> Mail:
        """Send a message to everybody in its heading; the draft `old` is gone then.

        `spend` hears how many recipients there are. Raises ApiError where it cannot be sent.
        """
        root, box = mime.parsed(raw), self.box(person)
        recipients = addressed(root)
        spend(len(recipients))
        envelope = Envelope(raw)
        self._sign(envelope, person, root)
        envelope.put("Message-ID", f"<CA{secrets.token_urlsafe(33)}@mail.gmail.com>")
        kept = envelope.raw
        envelope.drop("Bcc")
        mine = recipients.keys() & self.addresses(person).keys()
        mail = self._mail(kept, ("UNREAD", "SENT", "INBOX") if mine else ("SENT",))
        mail.thread = self._thread(box, mail, thread, old)
        if old is not None:
            box.remove(old)
        box.add(mail)
        for other in self._people.values():
            if other.key != person.key and recipients.keys() & self.addresses(other).keys():
                envelope.put("Delivered-To", other.email)
                self.put(other, envelope.raw, ("UNREAD", "CATEGORY_PERSONAL", "INBOX"))
        self.sent.append(
            {
                "account": person.key,
                "id": mail.id,
                "thread": mail.thread,
                "message_id": mail.message_id,
                "subject": mail.root.header("Subject"),
                **{name.lower(): mail.root.addresses(name) for name in ("From", *RECIPIENTS)},
                "text": mime.text(mail.root),
                "files": mail.files,
                "raw": base64.b64encode(mail.raw).decode(),
            }
        )
        return mail

    def _sign(self, envelope: Envelope, person: Person, root: Part) -> None:
        """Whose it is, and when: From is one of the person's own addresses, whatever was written there."""
        own = self.addresses(person)
        named = root.addresses("From")
        if not named or named[0] not in own:
            envelope.put("From", formataddr((own[person.email], person.email)))
        envelope.default("Date", format_datetime(datetime.fromtimestamp(int(self._clock.now()), UTC)))
        envelope.default("MIME-Version", "1.0")

    def _thread(self, box: Mailbox, mail: Mail, thread: str | None, old: Mail | None) -> str:
        """`thread` where it answers a message of it and has its subject, else that of its draft, or new."""
        if thread is None or (old is not None and thread == old.thread):
            return old.thread if old else mail.id
        if not box.thread(thread):
            raise refusals.missing()
        return thread if box.kin(mail, thread) else mail.id

    def _mail(self, raw: bytes, labels: Iterable[str], at: float | None = None) -> Mail:
        when = int((self._clock.now() if at is None else at) * 1000)
        id_ = f"{when:011x}{secrets.token_hex(3)[:5]}"
        return Mail(id_, id_, raw, when, list(labels))

    # Persistence

    def dump(self) -> Json:
        """As JSON-ready values."""
        return {"boxes": {key: self.box(self._people[key]).dump() for key in self._people}, "sent": self.sent}

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave."""
        self._boxes = {key: Mailbox.loaded(box) for key, box in data["boxes"].items()}
        self.sent = data["sent"]


def addressed(root: Part) -> dict[str, str]:
    """The recipients by address, each with the header it stands in. Raises ApiError 400, in Gmail's words."""
    found: dict[str, str] = {}
    for name in RECIPIENTS:
        texts = [value for key, value in root.headers if key.lower() == name.lower() and value.strip()]
        for _, address in getaddresses(texts):
            if not ADDRESS.fullmatch(address):
                raise refusals.wrong(f"Invalid {name} header")
            found.setdefault(address.lower(), name)
    if not found:
        raise refusals.wrong("Recipient address required")
    if len(found) > MOST_RECIPIENTS:
        raise refusals.wrong(f"Too many recipients: a message has at most {MOST_RECIPIENTS}")
    return found
