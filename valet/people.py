"""What the operator does about people: whom an entry lets in, who somebody is, and ending their access."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from connect.admission import OWNER_ISSUER, Guests
from connect.names import shown_name
from vault.store.people import Person

_ID = re.compile(r"[0-9a-f]{4,32}")
_SHORTEST = 8


class NoSuchGuest(Exception):
    """An entry can't be read, or a word names nobody or several; the text says what to do."""


def entry_of(text: str, issuers: Mapping[str, str]) -> str:
    """An entry of the guest list in the one spelling it is kept in. Raises NoSuchGuest."""
    try:
        return Guests.kept(text, issuers)
    except ValueError:
        raise NoSuchGuest(
            "that is no entry of a guest list. Write an address, @DOMAIN of an organisation (@gmail.com is "
            f"none: list addresses), PROVIDER:ACCOUNT_ID ({', '.join(issuers)}) or *"
        ) from None


@dataclass(frozen=True, slots=True)
class Known:
    """A person as the terminal shows them. `short` is as much of the id as tells them from the others."""

    person: Person
    short: str
    ways: tuple[tuple[str, str], ...]

    @property
    def line(self) -> str:
        """`0193ab12  Ana at Spotify, ana@example.org at Google`."""
        ways = ", ".join(f"{label} at {where}" for where, label in self.ways)
        return f"{self.short}  {ways or self.person.display_name}"

    def json(self) -> dict[str, object]:
        """The same for a script, with the whole id and the times."""
        return {
            "id": str(self.person.id),
            "identities": [{"issuer": issuer, "label": label} for issuer, label in self.person.identities],
            "since": _stamp(self.person.created_at),
            "last_seen": _stamp(self.person.last_seen),
            "blocked": self.person.blocked,
        }


def known(people: Sequence[Person], titles: Mapping[str, str]) -> list[Known]:
    """Everybody, ready to show. `titles` are the providers' by their issuers."""
    length = _SHORTEST
    while len({person.id.hex[:length] for person in people}) < len(people):
        length += 1
    return [Known(p, p.id.hex[:length], tuple(_ways(p.identities, titles))) for p in people]


def _ways(identities: Iterable[tuple[str, str]], titles: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for issuer, label in identities:
        named = "this terminal" if issuer == OWNER_ISSUER else titles.get(issuer) or urlsplit(issuer).hostname
        # What a stranger calls themselves must not drive a terminal.
        yield named or issuer, shown_name(label, "?")


def whose(everybody: Sequence[Known], who: str) -> Known:
    """The one person whom an id's beginning, or the label of a way in, names. Raises NoSuchGuest."""
    plain = who.strip().lower().replace("-", "")
    by_id = [k for k in everybody if _ID.fullmatch(plain) and k.person.id.hex.startswith(plain)]
    by_label = [k for k in everybody if any(label.casefold() == who.casefold() for _, label in k.ways)]
    found = by_id + [each for each in by_label if each not in by_id]
    if not found:
        raise NoSuchGuest("nobody here is called that. See who there is: valet users list")
    if len(found) > 1:
        lines = "\n".join(f"  {each.line}" for each in found)
        raise NoSuchGuest(f"that could be {len(found)} people. Say which by the id in front:\n{lines}")
    return found[0]


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
