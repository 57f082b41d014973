"""Files in and out: /files/HANDLE. A GET shows a page and uses nothing up; a POST moves the file, once.

Whoever holds the link may use it: no session is asked for, for the program that fetches a file may be on
another machine than any browser of its person. So a link is short-lived, shows no account, and ends with what
it was made under (`vault/transfers.py`).
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from connect.courier import Courier
from connect.delivery import headers, pour
from connect.intake import Intake
from connect.limits import Gate
from connect.mishaps import code, fault, slow
from connect.mishaps import page as mishap
from connect.pages import Refusal, render
from connect.words import size
from providers.base import ProviderError, Unavailable
from providers.carrier import Stored
from providers.filenames import safe
from providers.registry import Registry
from vault.diary import Diary
from vault.errors import Busy, Sealed, VaultError
from vault.transfers import Fault, Ticket

_log = structlog.get_logger(__name__)

LONGEST = 600.0
"""Seconds for one file on its way out."""

DRAINED = 32
"""Bodies whose rest is waited for at once. Anybody can send one slowly, and a process has 500 connections."""

_HANDLE = re.compile(r"[A-Za-z0-9_-]{43}")


class FilesPage:
    """`/files/{handle}`. `welcome` says whether somebody may still come in; `gate` counts by person."""

    def __init__(
        self,
        *,
        courier: Courier,
        registry: Registry,
        welcome: Callable[[UUID], Awaitable[bool]],
        gate: Gate,
        diary: Diary,
    ) -> None:
        self._transfers = courier.transfers
        self._courier = courier
        self._registry = registry
        self._welcome = welcome
        self._gate = gate
        self._diary = diary
        self._drained = 0

    def routes(self) -> list[Route]:
        """A page, and what its form does."""
        return [
            Route("/files/{handle}", self.page, methods=["GET"]),
            Route("/files/{handle}", self.move, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """What the link is for."""
        ticket = await self._standing(request)
        parcel = ticket.parcel
        left = (ticket.expires_at - datetime.now(UTC)).total_seconds()
        context = {
            "action": request.url.path,
            "name": safe(parcel.name, ""),
            "size": None if parcel.size is None else size(parcel.size),
            "title": self._registry.record(parcel.provider).title,
            "kind": parcel.kind,
            "minutes": max(1, math.ceil(left / 60)),
        }
        return render(f"{parcel.direction}.html", context)

    async def move(self, request: Request) -> Response:
        """Move the file."""
        intake = Intake(request)
        try:
            ticket = await self._standing(request)
            await self._gate.acts(request, ticket.user)
            if ticket.parcel.direction == "upload":
                return await self._upload(request, intake, ticket)
        except Refusal:
            await self._drain(intake)
            raise
        await self._drain(intake)
        return _Download(self, request)

    async def _drain(self, intake: Intake) -> None:
        """Let the rest of a body come, where few do: beyond that its sender may not get to read why."""
        if self._drained >= DRAINED:
            return
        self._drained += 1
        try:
            await intake.drain()
        finally:
            self._drained -= 1

    # What a link is good for

    async def _standing(self, request: Request) -> Ticket:
        """What the link is for; uses nothing up. Raises Refusal."""
        return await self._checked(await self._transfers.look(_handle(request)))

    async def _take(self, request: Request) -> Ticket:
        """The same, and it is used up. Raises Refusal."""
        return await self._checked(await self._transfers.take(_handle(request)))

    async def _checked(self, found: Ticket | Fault) -> Ticket:
        if not isinstance(found, Ticket):
            raise fault(found)
        if not await self._welcome(found.user):
            raise fault("ended")
        return found

    # In

    async def _upload(self, request: Request, intake: Intake, standing: Ticket) -> Response:
        # Its place from the first byte on: what stands before the file in a form may come slowly, too.
        with self._courier.berth(standing):
            incoming = await intake.begin()
            ticket = await self._take(request)
            try:
                stored = await self._courier.put(ticket, incoming)
            except (ProviderError, VaultError, Refusal, ClientDisconnect) as error:
                unsure = isinstance(error, Unavailable) and error.ambiguous
                raise await self._settled(ticket, error, unsure=unsure) from None
        self._ended(ticket, "ok")
        return _stored(request, ticket, stored)

    # Out

    async def download(self, request: Request, receive: Receive, send: Send) -> None:
        """Send the file. Until its first byte what goes wrong is a page, and the link stands."""
        ticket = await self._take(request)
        begun = False
        try:
            async with asyncio.timeout(LONGEST):
                with self._courier.berth(ticket):
                    async with self._courier.fetch(ticket) as file:
                        pieces = file.pieces()
                        first = await anext(pieces, b"")
                        head = headers(ticket.parcel.name, file.length)
                        begun = True
                        await send({"type": "http.response.start", "status": 200, "headers": head})
                        await send({"type": "http.response.body", "body": first, "more_body": True})
                        await pour(pieces, receive, send)
        except (ProviderError, VaultError, Refusal, TimeoutError, ConnectionError) as error:
            if not begun:
                raise await self._settled(ticket, error) from None
            # Left without its end: the server hangs up, and nobody takes a part for the whole.
            self._ended(ticket, code(error))
        else:
            self._ended(ticket, "ok")

    # What came of it

    async def _settled(self, ticket: Ticket, error: Exception, *, unsure: bool = False) -> Exception:
        """Give the link back, unless somebody must look first; what to raise: a page, if there are words."""
        if not unsure:
            with suppress(Busy):
                await self._transfers.give_back(ticket)
        self._ended(ticket, code(error))
        if isinstance(error, TimeoutError):
            return slow()
        if isinstance(error, Busy | Sealed) or not isinstance(error, ProviderError | VaultError):
            return error
        return mishap(error, self._registry.record(ticket.parcel.provider), unsure=unsure)

    def _ended(self, ticket: Ticket, outcome: str) -> None:
        parcel = ticket.parcel
        out = parcel.direction == "download"
        _log.info("file_moved", provider=parcel.provider, kind=parcel.kind, outcome=outcome)
        self._diary.note(
            user_id=ticket.user,
            action="file_downloaded" if out else "file_uploaded",
            outcome=outcome,
            grant_id=ticket.grant,
            provider=parcel.provider,
            connection=ticket.connection,
        )


class _Download(Response):
    """An answer that is made while it is sent."""

    def __init__(self, page: FilesPage, request: Request) -> None:
        super().__init__()
        self._page = page
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await self._page.download(self._request, receive, send)


def _handle(request: Request) -> str:
    handle: str = request.path_params["handle"]
    if not _HANDLE.fullmatch(handle):
        raise fault("unknown")
    return handle


def _stored(request: Request, ticket: Ticket, stored: Stored) -> Response:
    name, much = safe(stored.name), size(stored.size)
    if "text/html" not in request.headers.get("accept", ""):
        return PlainTextResponse(f"Stored: {name} ({much}).\n")
    url = stored.url if stored.url.startswith("https://") else ""
    return render("uploaded.html", {"name": name, "size": much, "url": url, "kind": ticket.parcel.kind})
