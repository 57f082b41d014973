"""Whom a mail goes to: addresses as people write them, checked before anything is sent."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.headerregistry import Address

from mcp_server.errors import Refusal

MOST_RECIPIENTS = 500
"""Gmail's own limit for one mail (support.google.com/mail/answer/22839)."""

_LONGEST = 400
_WHOLE = re.compile(r"\s*(?:(?P<name>[^<>]*?)\s*<(?P<boxed>[^<>\s]+)>|(?P<bare>[^<>\s,;]+))\s*")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_AMBIGUOUS = frozenset("ßẞς\u200c\u200d")
_DIRECTION = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Recipients:
    """Everybody that a mail goes to, each once."""

    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.to or self.cc or self.bcc)


def recipients(to: Sequence[str], cc: Sequence[str], bcc: Sequence[str]) -> Recipients:
    """Whom these lists name; somebody named twice is kept where they stood first. Raises Refusal."""
    seen: set[str] = set()
    lists = [
        tuple(_unseen((address(text, f"{field}[{at}]") for at, text in enumerate(texts)), seen))
        for field, texts in (("to", to), ("cc", cc), ("bcc", bcc))
    ]
    if len(seen) > MOST_RECIPIENTS:
        raise Refusal("invalid_argument", f"Gmail sends one mail to {MOST_RECIPIENTS} people at most.")
    return Recipients(*lists)


def _unseen(found: Iterable[Address], seen: set[str]) -> Iterable[Address]:
    for each in found:
        if each.addr_spec.lower() not in seen:
            seen.add(each.addr_spec.lower())
            yield each


def address(text: str, field: str) -> Address:
    """The address in `name@host` or `Name <name@host>`; `field` is where it was given. Raises Refusal.

    A host in other letters is written as DNS has it (IDNA); before the @ Gmail takes ASCII only.
    """
    if len(text) > _LONGEST:
        raise Refusal("invalid_argument", f"`{field}` is too long for a mail address.")
    one_line(text, f"`{field}`")
    found = _WHOLE.fullmatch(text)
    local, at, host = (found["boxed"] or found["bare"]).rpartition("@") if found else ("", "", "")
    domain = _ascii(host)
    if found is None or not at or len(local) > 64 or not _LOCAL.fullmatch(local) or domain is None:
        raise Refusal(
            "invalid_argument",
            f"`{field}` is no mail address. Write name@example.com, or "
            "Name <name@example.com>; one in each entry.",
        )
    name = "".join(char for char in (found["name"] or "") if char not in _DIRECTION)
    return Address(name.strip().strip('"').replace('\\"', '"').strip(), local, domain)


def _ascii(host: str) -> str | None:
    """The host as DNS has it; None for what is none.

    IDNA 2003 makes another host of a few letters than IDNA 2008, so those must be written as xn--.
    """
    if _AMBIGUOUS & set(host):
        return None
    try:
        plain = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    labels = plain.split(".")
    fine = len(labels) > 1 and len(plain) <= 253 and all(_LABEL.fullmatch(label) for label in labels)
    return plain.lower() if fine else None


def one_line(text: str, what: str) -> str:
    """`text` as it may stand in a header. Raises Refusal for line breaks and other control characters.

    With a line break in it, what follows would be a header of its own: another recipient, another sender.
    """
    if any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in text):
        raise Refusal(
            "invalid_argument",
            f"{what} holds a line break or another control character, which no mail header may. "
            "Nothing was sent; leave it out.",
        )
    return text
