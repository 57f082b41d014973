"""A mailbox: its messages, its labels, and what changed when."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from providers.emulator.google.gmail import mime
from providers.emulator.google.gmail.words import says, spaced

Json = dict[str, Any]

SYSTEM = (
    "CHAT", "SENT", "INBOX", "IMPORTANT", "TRASH", "DRAFT", "SPAM", "CATEGORY_FORUMS", "CATEGORY_UPDATES",
    "CATEGORY_PERSONAL", "CATEGORY_PROMOTIONS", "CATEGORY_SOCIAL", "STARRED", "UNREAD",
)  # fmt: skip
FIXED = frozenset({"CHAT", "SENT", "DRAFT"})
"""Gmail itself puts these on a message, and nobody takes them off."""

SHOWN = frozenset({"INBOX", "SENT", "DRAFT", "STARRED", "UNREAD"})
"""Gmail's own that its page always lists."""

HIDDEN = frozenset({"TRASH", "SPAM"})
FIRST_HISTORY = 1_842_100


@dataclass
class Mail:
    """A message as it came. `at` is the time of Gmail's own (epoch milliseconds), `draft` a draft's id."""

    id: str
    thread: str
    raw: bytes
    at: int
    labels: list[str]
    history: int = 0
    draft: str | None = None

    @cached_property
    def root(self) -> mime.Part:
        """It, taken apart."""
        return mime.parsed(self.raw)

    @cached_property
    def files(self) -> list[str]:
        """The names of its files."""
        return [part.name for part in self.root.walk() if part.name]

    @cached_property
    def message_id(self) -> str:
        """Its Message-ID, or nothing."""
        return self.root.header("Message-ID").strip()

    @cached_property
    def subject(self) -> str:
        """The subject without `Re:` and `Fwd:`, by which messages belong together."""
        return bare(self.root.header("Subject"))

    @cached_property
    def references(self) -> set[str]:
        """The Message-IDs it answers to."""
        return set(f"{self.root.header('In-Reply-To')} {self.root.header('References')}".split())

    @cached_property
    def _words(self) -> str:
        heads = [self.root.header(name) for name in ("Subject", "From", "To", "Cc")]
        return spaced("\n".join([*heads, mime.text(self.root), *self.files]))

    def says(self, value: str) -> bool:
        """Whether it has these words in a row, in its text or its heading."""
        return says(self._words, value)

    @property
    def hidden(self) -> bool:
        """Whether it lies in the bin or in spam."""
        return bool(HIDDEN & set(self.labels))


def bare(subject: str) -> str:
    """A subject without what answering and forwarding put before it."""
    text = " ".join(subject.split())
    while (start := text.partition(":"))[1] and start[0].lower() in {"re", "fwd", "fw", "aw", "sv", "rif"}:
        text = start[2].strip()
    return text.casefold()


@dataclass
class Label:
    """A label; a person's own has an id like `Label_7`."""

    id: str
    name: str
    message_visibility: str = "show"
    list_visibility: str = "labelShow"
    color: dict[str, str] | None = None

    @property
    def system(self) -> bool:
        """Whether it is Gmail's own."""
        return self.id in SYSTEM


@dataclass
class Change:
    """One entry of the history: `kind` is messagesAdded, messagesDeleted, labelsAdded or labelsRemoved."""

    id: int
    kind: str
    message: str
    thread: str
    labels: list[str] = field(default_factory=list)
    had: list[str] = field(default_factory=list)


class Mailbox:
    """What somebody has. Labels of Gmail's own are there from the start."""

    def __init__(self) -> None:
        self.mails: dict[str, Mail] = {}
        self.labels = {
            name: Label(name, name) if name in SHOWN else Label(name, name, "hide", "labelHide")
            for name in SYSTEM
        }
        self.history = FIRST_HISTORY
        self.changes: list[Change] = []
        self._label = 0

    # Messages

    def add(self, mail: Mail) -> Mail:
        """Take a message in."""
        self.mails[mail.id] = mail
        self._changed("messagesAdded", mail)
        return mail

    def remove(self, mail: Mail) -> None:
        """It is gone for good."""
        del self.mails[mail.id]
        self._changed("messagesDeleted", mail)

    def relabel(self, mail: Mail, add: Iterable[str], remove: Iterable[str]) -> None:
        """Change the labels of a message. What goes to the bin or to spam leaves the inbox."""
        added = [label for label in dict.fromkeys(add) if label not in mail.labels]
        gone = set(remove) | ({"INBOX"} if HIDDEN & set(added) else set())
        removed = [label for label in mail.labels if label in gone]
        mail.labels = [label for label in mail.labels if label not in gone] + added
        if added:
            self._changed("labelsAdded", mail, added)
        if removed:
            self._changed("labelsRemoved", mail, removed)

    def thread(self, id_: str) -> list[Mail]:
        """The messages of a thread, oldest first."""
        return sorted((mail for mail in self.mails.values() if mail.thread == id_), key=lambda mail: mail.at)

    def latest(self) -> list[Mail]:
        """All messages, newest first."""
        return sorted(self.mails.values(), key=lambda mail: (-mail.at, mail.id))

    def kin(self, mail: Mail, thread: str | None = None) -> Mail | None:
        """A message that `mail` answers: one of its references, of the same subject, in `thread` if named."""
        for other in self.mails.values():
            if thread in {None, other.thread} and other.message_id in mail.references:
                return other if other.subject == mail.subject else None
        return None

    def _changed(self, kind: str, mail: Mail, labels: Iterable[str] = ()) -> None:
        self.history += 7
        mail.history = self.history
        self.changes.append(Change(self.history, kind, mail.id, mail.thread, list(labels), list(mail.labels)))

    # Labels

    def label(self, name: str, **how: Any) -> Label:
        """Make a label of that name."""
        self._label += 1
        made = Label(f"Label_{self._label}", name, **how)
        self.labels[made.id] = made
        return made

    def named(self, name: str) -> Label | None:
        """The label of that name, however it is spelt."""
        return next((one for one in self.labels.values() if one.name.casefold() == name.casefold()), None)

    def unlabel(self, label: Label) -> None:
        """Delete a label; it comes off every message."""
        del self.labels[label.id]
        for mail in self.mails.values():
            if label.id in mail.labels:
                self.relabel(mail, (), (label.id,))

    # Persistence

    def dump(self) -> Json:
        """As JSON-ready values."""
        kept = ("id", "thread", "at", "labels", "history", "draft")
        return {
            "mails": [
                {**{name: getattr(mail, name) for name in kept}, "raw": base64.b64encode(mail.raw).decode()}
                for mail in self.mails.values()
            ],
            "labels": [asdict(label) for label in self.labels.values()],
            "history": self.history,
            "changes": [asdict(change) for change in self.changes],
            "label": self._label,
        }

    @classmethod
    def loaded(cls, data: Mapping[str, Any]) -> Mailbox:
        """What `dump` gave."""
        box = cls()
        mails = [Mail(**{**row, "raw": base64.b64decode(row["raw"])}) for row in data["mails"]]
        box.mails = {mail.id: mail for mail in mails}
        box.labels = {row["id"]: Label(**row) for row in data["labels"]}
        box.history, box._label = data["history"], data["label"]
        box.changes = [Change(**row) for row in data["changes"]]
        return box
