"""A person's yes to one call: the question sealed, the call by a keyed hash, the link by a handle.

The handle is HMAC-SHA256 of the question's id, as those of flows are: it can't be guessed and need not be
kept. The mark is an HMAC over exactly what the call would do, so that a copy of the database does not let
anybody find out by guessing to whom something was sent.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from vault.errors import Tampered
from vault.ids import new_id
from vault.opaque import digest
from vault.purposes import PREVIEW
from vault.store.approvals import ApprovalRows, Decision, Deed, Row
from vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Preview:
    """What a person is shown of a call: a title of ours, and lines of (our word, their content)."""

    title: str
    lines: tuple[tuple[str, str], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Question:
    """A question as its person sees it. `preview` is there while it waits for their answer."""

    row: Row
    preview: Preview | None


class Approvals:
    """Questions about single calls."""

    def __init__(self, rows: ApprovalRows, vault: Vault) -> None:
        self._rows = rows
        self._vault = vault
        self._marks = vault.derive("approval-mark")
        self._handles = vault.derive("approval-handle")

    async def wanted(self, user_id: UUID, service: str) -> bool:
        """Whether the person wants to be asked about that service."""
        return await self._rows.wanted(user_id, service)

    async def services(self, user_id: UUID) -> frozenset[str]:
        """Every service that the person wants to be asked about."""
        return await self._rows.services(user_id)

    async def switch(self, user_id: UUID, on: Iterable[str], off: Iterable[str]) -> None:
        """Ask about the services `on` from now on, and no more about those `off`. Raises PersonGone, Busy."""
        await self._rows.switch(user_id, on, off)

    def deed(self, user_id: UUID, grant_id: UUID, tool: str, connection: UUID | None, exactly: Any) -> Deed:
        """One call of one chat; `exactly` is all that it would do, as JSON."""
        whose = [str(user_id), str(grant_id), tool, str(connection), exactly]
        said = json.dumps(whose, sort_keys=True, separators=(",", ":")).encode()
        return Deed(user_id, grant_id, tool, connection, hmac.digest(self._marks, said, hashlib.sha256))

    async def ask(self, deed: Deed, preview: Preview) -> str:
        """The handle of a question about just that call, new or still open. Raises PersonGone, Busy."""
        found = await self._rows.renew(deed)
        if found is not None:
            return self._handle(found)
        question = new_id()
        handle = self._handle(question)
        kept = {"for": str(deed.user_id), "title": preview.title, "lines": preview.lines}
        sealed = self._vault.seal(PREVIEW, question, json.dumps(kept).encode())
        return self._handle(await self._rows.add(deed, question, digest(handle), sealed))

    async def settle(self, deed: Deed) -> Decision | None:
        """Use up the person's answer to just that call, for one caller; None: there is none. Raises Busy."""
        return await self._rows.settle(deed)

    async def agree(self, handle: str, deed: Deed) -> bool:
        """Use up that question where it is open and about just that call; for one caller. Raises Busy."""
        return await self._rows.agree(digest(handle), deed)

    async def drop(self, handle: str, user_id: UUID, grant_id: UUID) -> bool:
        """End a chat's question that its person has said no to in the chat."""
        return await self._rows.drop(digest(handle), user_id, grant_id)

    async def look(self, handle: str, user_id: UUID) -> Question | None:
        """The person's own question of a handle. Uses nothing up. Raises Sealed, Busy."""
        row = await self._rows.find(digest(handle), user_id)
        if row is None:
            return None
        preview = self._open(row, user_id) if row.sealed is not None and not row.over else None
        return Question(row, preview)

    async def foreign(self, handle: str, user_id: UUID) -> bool:
        """Whether that handle is of a question to somebody else."""
        return await self._rows.foreign(digest(handle), user_id)

    async def decide(self, handle: str, user_id: UUID, decision: Decision) -> bool:
        """Answer the person's own open question; True for exactly one caller. Raises Busy."""
        return await self._rows.decide(digest(handle), user_id, decision)

    async def sweep(self) -> int:
        """Delete what is over; returns how many rows went."""
        return await self._rows.sweep()

    def _handle(self, question: UUID) -> str:
        mac = hmac.digest(self._handles, question.bytes, hashlib.sha256)
        return base64.urlsafe_b64encode(mac).decode().rstrip("=")

    def _open(self, row: Row, user_id: UUID) -> Preview:
        assert row.sealed is not None
        kept = json.loads(self._vault.open(PREVIEW, row.id, row.sealed))
        if kept["for"] != str(user_id):
            raise Tampered("this question was put to another person")
        return Preview(kept["title"], tuple((word, what) for word, what in kept["lines"]))
