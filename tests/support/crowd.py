"""People with chats that call tools and renew their tokens all the time, through the front of a `Town`."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString

import httpx2

from providers.transport import Transport
from tests.proof.calls import call, outcome
from tests.proof.people import Person, settle, vault_over
from tests.support.emulator import REDIRECT
from tests.support.town import Town
from vault.ids import new_id
from vault.opaque import digest, mint
from vault.store.database import Database

_REFRESH: LiteralString = (
    "INSERT INTO refresh_tokens (hash, record_id, family_id, expires_at)"
    " SELECT %s, %s, f.id, now() + interval '1 day' FROM families f JOIN grants g ON g.id = f.grant_id"
    " WHERE g.user_id = %s"
)
_IDENTITY: LiteralString = (
    "INSERT INTO identities (issuer, subject_index, user_id, label)"
    " VALUES ('https://accounts.spotify.com', %s, %s, 'Proof')"
)


@dataclass
class Chat:
    """One person's chat: its access token, and the refresh token that it got last."""

    person: Person
    refresh: str
    served: int = 0


@dataclass
class Load:
    """What came of everything: `answers` counts it; `failed` are the ones that are not as they should be.

    `pause`: seconds that a chat leaves between an answer and its next request.
    """

    front: httpx2.AsyncClient
    chats: list[Chat]
    pause: float
    answers: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    _going: bool = False
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everybody, one request after the other: mostly calls, and every fourth a new token."""
        self._going = True
        async with asyncio.TaskGroup() as group:
            for chat in self.chats:
                group.create_task(self._one(chat))
            try:
                yield
            finally:
                self._going = False

    async def _one(self, chat: Chat) -> None:
        turn = 0
        while self._going:
            turn += 1
            kind, came = (
                ("token", await self.renew(chat)) if turn % 4 == 0 else ("call", await self.call(chat))
            )
            async with self._news:
                self.answers[f"{kind} {came}"] += 1
                self.answers[came] += 1
                chat.served += came == "ok"
                self._news.notify_all()
            await asyncio.sleep(self.pause)

    async def call(self, chat: Chat) -> str:
        """One tool call: `ok`, `retry` where it says so itself, or what went wrong."""
        try:
            answer = await call(self.front, chat.person.token)
        except httpx2.HTTPError as error:
            return self._wrong(f"call: {type(error).__name__}")
        found = outcome(answer)
        if found != "wrong":
            return found
        return self._wrong(f"call: {answer.status_code} {answer.text[:300]}")

    async def renew(self, chat: Chat) -> str:
        """One use of the refresh token; the answer is kept only where it came."""
        form = {"grant_type": "refresh_token", "refresh_token": chat.refresh, "client_id": "proof"}
        try:
            answer = await self.front.post("/token", data=form)
        except httpx2.HTTPError as error:
            return self._wrong(f"token: {type(error).__name__}")
        if answer.status_code == 503 and answer.headers.get("retry-after", "").isdigit():
            return "retry"
        if answer.status_code != 200:
            return self._wrong(f"token: {answer.status_code} {answer.text[:300]}")
        chat.refresh = answer.json()["refresh_token"]
        return "ok"

    def _wrong(self, what: str) -> str:
        self.failed.append(what)
        return "wrong"

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for more answers until it holds."""
        async with self._news:
            await asyncio.wait_for(self._news.wait_for(holds), 90)

    async def more(self, count: int = 16) -> None:
        """Return after that many further good answers."""
        wanted = self.answers["ok"] + count
        await self.until(lambda: self.answers["ok"] >= wanted)

    async def everybody(self) -> float:
        """Return once everybody had two more good answers, so that one began after now; seconds till then."""
        began, before = time.monotonic(), [chat.served for chat in self.chats]
        await self.until(
            lambda: all(chat.served >= had + 2 for chat, had in zip(self.chats, before, strict=True))
        )
        return time.monotonic() - began


@asynccontextmanager
async def crowd(town: Town, count: int = 6, pause: float = 0.1) -> AsyncIterator[Load]:
    """That many people, each with a chat and a connection to Spotify."""
    async with AsyncExitStack() as stack:
        database = Database(town.postgres.app)
        await database.open()
        stack.push_async_callback(database.close)
        transport = await stack.enter_async_context(Transport(emulator_origin=town.emulator.origin))
        vault = await vault_over(database, Path(town.environment["VALET_KEYRING"]), transport)
        redirects = [f"{town.url}/callback/spotify", REDIRECT]
        town.emulator.client("emulator-spotify", upstream="spotify", redirects=redirects)
        people = await settle(database, vault, town.emulator, town.url, count)
        chats = []
        for person in people:
            refresh = mint("vlt_rt_").get_secret_value()
            async with database.connection() as link:
                await link.execute(_REFRESH, (digest(refresh), new_id(), person.owner))
                await link.execute(_IDENTITY, (person.owner.bytes, person.owner))
            chats.append(Chat(person, refresh))
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
        front = httpx2.AsyncClient(
            base_url=town.url, verify=town.trust, timeout=60, limits=limits, trust_env=False
        )
        yield Load(await stack.enter_async_context(front), chats, pause)
