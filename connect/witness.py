"""Who is told what happens at this door, for whoever runs it to look at later: the audit, seen from here."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from vault.audit.events import Event


class Witness(Protocol):
    """Takes a word about an event. It holds nobody up and never fails; what waits for it is not here."""

    def note(
        self,
        event: Event,
        *,
        outcome: str = "ok",
        user_id: UUID | None = None,
        grant_id: UUID | None = None,
        client_id: str | None = None,
        provider: str | None = None,
        detail: str | None = None,
        from_here: bool = True,
    ) -> None:
        """An event, in words of ours. `grant_id` stands for its client, and where no person is named for its
        person too. `from_here`: the request's address may stand there.
        """
