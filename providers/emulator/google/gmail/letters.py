"""How a letter of the living set becomes a message: real MIME, as the programs of its sender make it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cache
from zoneinfo import ZoneInfo

from providers.emulator.google.drive.office import docx, pdf, png, xlsx

POLICY = SMTP.clone(max_line_length=76)


@dataclass(frozen=True)
class Letter:
    """A message. `hours` is its age when the world begins; `kept` says who has it, under which labels.

    `thread` names the conversation, `answers` the letter it replies to. `files` are names of `FILES`,
    `inline` those that the HTML shows by `cid:name`. `more` are further headers.
    """

    key: str
    hours: float
    sender: str
    to: str
    subject: str
    kept: Mapping[str, str]
    text: str = ""
    html: str = ""
    cc: str = ""
    thread: str = ""
    answers: str = ""
    zone: str = "Europe/Lisbon"
    charset: str = "utf-8"
    cte: str | None = None
    files: tuple[str, ...] = ()
    inline: tuple[str, ...] = ()
    encloses: str = ""
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def message_id(self) -> str:
        """Its Message-ID, at the domain of its sender."""
        return f"<{self.key}@{parseaddr(self.sender)[1].rpartition('@')[2] or 'mail.gmail.com'}>"


def written(letter: Letter, now: float, letters: Mapping[str, Letter]) -> bytes:
    """The message in RFC 5322 form; `letters` are all by key, for what it answers and encloses."""
    message = EmailMessage(POLICY)
    message["Date"] = format_datetime(datetime.fromtimestamp(when(letter, now), ZoneInfo(letter.zone)))
    message["From"] = letter.sender
    if letter.to:
        message["To"] = letter.to
    if letter.cc:
        message["Cc"] = letter.cc
    message["Subject"] = letter.subject
    message["Message-ID"] = letter.message_id
    if letter.answers:
        message["In-Reply-To"] = letters[letter.answers].message_id
        message["References"] = " ".join(_chain(letter, letters))
    for name, value in letter.more.items():
        message[name] = value
    _fill(message, letter)
    if letter.encloses:
        inner = letters[letter.encloses]
        enclosed = EmailMessage(POLICY)
        for name, value in (("From", inner.sender), ("To", inner.to), ("Subject", inner.subject)):
            enclosed[name] = value
        _fill(enclosed, inner)
        message.add_attachment(enclosed)
    return message.as_bytes()


def when(letter: Letter, now: float) -> int:
    """Its time in epoch seconds, on a whole minute."""
    return int(now - letter.hours * 3600) // 60 * 60


def _fill(message: EmailMessage, letter: Letter) -> None:
    if letter.text or not letter.html:
        message.set_content(letter.text, charset=letter.charset, cte=letter.cte)
    if letter.html:
        add = message.add_alternative if letter.text else message.set_content
        add(letter.html, subtype="html", charset=letter.charset, cte=letter.cte)
    for name in letter.inline:
        rich = message.get_body(("html",))
        assert isinstance(rich, EmailMessage)
        maintype, subtype = FILES[name][0].split("/")
        rich.add_related(FILES[name][1](), maintype, subtype, cid=f"<{name}>", filename=name,
                         disposition="inline")  # fmt: skip
    for name in letter.files:
        kind, make = FILES[name]
        maintype, subtype = kind.split("/")
        message.add_attachment(make(), maintype, subtype, filename=name)


def _chain(letter: Letter, letters: Mapping[str, Letter]) -> list[str]:
    chain: list[str] = []
    at = letter
    while at.answers:
        at = letters[at.answers]
        chain.insert(0, at.message_id)
    return chain


# Files

TICKET = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//CP//Bilhetes//PT
METHOD:PUBLISH
BEGIN:VEVENT
UID:ic-530-porto@cp.example
SUMMARY:IC 530 Lisboa Oriente - Porto Campanhã
DTSTART;TZID=Europe/Lisbon:20270305T083900
DTEND;TZID=Europe/Lisbon:20270305T114700
LOCATION:Carruagem 21\\, lugar 57
END:VEVENT
END:VCALENDAR
"""

COSTS = [["What", "Who paid", "Euro"], ["Train", "Ana", "62.40"], ["Flat", "Ben", "318.00"],
         ["Francesinhas", "Ben", "41.50"]]  # fmt: skip


@cache
def _invoice() -> bytes:
    return pdf(["Clínica do Chiado", "Invoice 2026/1187", "Check-up and X-rays", "Total 145.00 EUR",
                "Due within 30 days"])  # fmt: skip


@cache
def _ticket() -> bytes:
    return pdf(["CP - Comboios de Portugal", "IC 530", "Lisboa Oriente 08:39 - Porto Campanhã 11:47",
                "Coach 21 seat 57", "Ana Duarte"])  # fmt: skip


@cache
def _contract() -> bytes:
    return docx(["Hotel Solar: supply of curtains", "1. The studio delivers 42 curtains by 30 April.",
                 "2. Price: 9,870.00 EUR, half of it on signing."])  # fmt: skip


@cache
def _costs() -> bytes:
    return xlsx({"Porto": COSTS, "Still open": [["Who", "Euro"], ["Ana owes Ben", "148.55"]]})


FILES: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    "fatura-2026-1187.pdf": ("application/pdf", _invoice),
    "bilhete.pdf": ("application/pdf", _ticket),
    "viagem.ics": ("text/calendar", lambda: TICKET.replace("\n", "\r\n").encode()),
    "contract Hotel Solar.docx": (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        _contract,
    ),
    "porto-costs.xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", _costs),
    "porto-costs.csv": ("text/csv", lambda: "\n".join(",".join(row) for row in COSTS).encode()),
    "convite-🎭.png": ("image/png", lambda: png(8, 8, (180, 40, 90))),
    "logo.png": ("image/png", lambda: png(4, 4, (20, 90, 160))),
}
"""Every file of the set by name: its media type, and what makes it."""
