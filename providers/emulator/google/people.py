"""The Google accounts of this world.

| key      | who                                                        | zone          |
|----------|------------------------------------------------------------|---------------|
| ana      | her private account                                        | Europe/Lisbon |
| ana-work | her account at work (Workspace domain)                     | Europe/Berlin |
| ben      | a private account                                          | Europe/Dublin |
| cleo     | an address of her own that Google has not verified; no events | Europe/Paris |
| emil     | a colleague of ana-work                                    | Europe/Berlin |
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """A Google account. `domain` only where a Workspace owns it (the claim `hd`)."""

    key: str
    name: str
    email: str
    zone: str
    domain: str | None = None
    verified: bool = True

    @property
    def note(self) -> str:
        """The address, as Google's account chooser shows it."""
        return self.email

    @property
    def sub(self) -> str:
        """The stable id: 21 digits."""
        digest = hashlib.sha256(f"google:{self.key}".encode()).hexdigest()
        return f"1{int(digest, 16) % 10**20:020d}"


def people() -> dict[str, Person]:
    """Everybody, by key."""
    everybody = (
        Person("ana", "Ana Duarte", "ana.duarte@gmail.com", "Europe/Lisbon"),
        Person(
            "ana-work", "Ana Duarte", "ana@duarte-atelier.example", "Europe/Berlin", "duarte-atelier.example"
        ),
        Person("ben", "Ben Okafor", "ben.okafor@gmail.com", "Europe/Dublin"),
        Person("cleo", "Cleo Martin", "cleo@martin.example", "Europe/Paris", verified=False),
        Person(
            "emil", "Emil Nowak", "emil@duarte-atelier.example", "Europe/Berlin", "duarte-atelier.example"
        ),
    )
    return {person.key: person for person in everybody}
