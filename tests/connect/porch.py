"""The sidecar on a loopback port with a depot behind it, and somebody whose chat has links for files."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
from pydantic import SecretStr

from providers.base import Account, App, Parcel, TokenSet
from providers.google.services import DRIVE_FILE, GMAIL_COMPOSE, GMAIL_READ
from providers.google.transfer import (
    attachment,
    draft_attachment,
    drive_file,
    exported,
    new_content,
    new_file,
)
from providers.transport import Transport
from tests.connect.depot import Depot, served
from tests.connect.inn import Inn
from tests.support.ports import free_port
from vault.ids import new_id
from vault.store.database import Database

SCOPES = frozenset({DRIVE_FILE, GMAIL_COMPOSE, GMAIL_READ})
OURS = ["drive:write", "gmail:write"]
PARCELS = {
    "drive_file": drive_file("f1", "Plan.pdf", "application/pdf"),
    "exported": exported("f1", "Plan.odt", "application/vnd.oasis.opendocument.text"),
    "attachment": attachment("m1", "f1", "Plan.pdf", "application/pdf"),
    "new_file": new_file("Plan.pdf", "folder-1"),
    "new_content": new_content("f1", "Plan.pdf"),
    "draft_attachment": draft_attachment("d1"),
}


@dataclass
class Porch:
    """What a test looks at: the person `user`, their chat's `grant`, the `connection` of their Google."""

    inn: Inn
    depot: Depot
    origin: str
    http: httpx2.AsyncClient
    user: UUID
    grant: UUID
    connection: UUID

    async def settle(self) -> None:
        """Everything as it was at first, and somebody new."""
        self.depot.__init__()  # type: ignore[misc]
        for table in ("users", "clients", "limits", "activity"):
            await self.inn.run(f"DELETE FROM {table}")
        await self.person()

    async def person(self) -> None:
        """Somebody whose chat may use Drive and Gmail, with Google connected."""
        inn, self.grant = self.inn, new_id()
        client, self.user = await inn.client(), (await inn.user("ana")).id
        await inn.run(
            "INSERT INTO grants (id, user_id, client_id, redirect_uri, scopes) VALUES (%s, %s, %s, 'x', %s)",
            self.grant,
            self.user,
            client.id,
            OURS,
        )
        account = Account("https://accounts.google.com", f"sub-{self.user}", "ana@example.test", "private")
        tokens = TokenSet(SecretStr("first"), 3600.0, SecretStr("refresh"), SCOPES)
        row = await inn.vault.save(self.user, "google", "operator", account, tokens, SCOPES, None)
        self.connection = row.id

    async def dial(self, url: str, *headers: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection that has sent the head of a POST."""
        reader, writer = await asyncio.open_connection("127.0.0.1", int(self.origin.rpartition(":")[2]))
        lines = [
            f"POST {url.removeprefix(self.origin)} HTTP/1.1",
            f"Host: {self.origin[7:]}",
            *headers,
            "",
            "",
        ]
        writer.write("\r\n".join(lines).encode())
        return reader, writer

    async def link(self, parcel: Parcel | str = "drive_file") -> str:
        """The address of a new link."""
        offered = await self.inn.courier.transfers.offer(
            user=self.user,
            grant=self.grant,
            connection=self.connection,
            scopes=OURS,
            parcel=PARCELS[parcel] if isinstance(parcel, str) else parcel,
        )
        return f"{self.origin}/files/{offered.handle.get_secret_value()}"

    async def fetch(self, url: str) -> tuple[int, str]:
        """POST to a download link: how many bytes came, and their digest. Holds none of them."""
        digest, size = hashlib.sha256(), 0
        async with self.http.stream("POST", url) as answer:
            assert answer.status_code == 200, await answer.aread()
            async for piece in answer.aiter_raw():
                digest.update(piece)
                size += len(piece)
        return size, digest.hexdigest()

    async def send(self, url: str, size: int, name: str = "My file.bin", **more: Any) -> httpx2.Response:
        """POST a file of that many bytes from a form, as a browser does; holds none of it."""
        boundary = "----boundary7MA4YWxk"
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/x-thing\r\n\r\n"
        ).encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "content-type": f"multipart/form-data; boundary={boundary}",
            "content-length": str(len(head) + size + len(tail)),
            "accept": "text/html",
        }

        async def body() -> AsyncIterator[bytes]:
            yield head
            async for piece in flow(size):
                yield piece
            yield tail

        return await self.http.post(url, content=body(), headers=headers, **more)


async def flow(size: int, piece: int = 1 << 16) -> AsyncIterator[bytes]:
    """That many bytes out of nothing: those of `depot.letters(piece)`, again and again."""
    whole = bytes(range(256)) * (piece // 256)
    while size > 0:
        yield whole[:size]
        size -= piece


@asynccontextmanager
async def porch(database: Database, ring: Path) -> AsyncIterator[Porch]:
    """Open it for the block, which must be one task."""
    depot, port = Depot(), free_port()
    async with served(depot) as upstream:
        origin = f"http://127.0.0.1:{port}"
        transport = Transport(emulator_origin=upstream)
        apps = {name: App("operator", f"emulator-{name}") for name in ("google", "spotify")}
        inn = await Inn.open(database, ring, public_url=origin, everyone=True, emulator=transport, apps=apps)
        async with served(inn.app, port), httpx2.AsyncClient(trust_env=False, timeout=120) as http:
            nobody = UUID(int=0)
            opened = Porch(inn, depot, origin, http, nobody, nobody, nobody)
            await opened.settle()
            yield opened
        await transport.aclose()
        await inn.vault.close()


async def until(condition: Any) -> None:
    """Wait until it holds; the test's own timeout ends a wait for ever."""
    while not condition():
        await asyncio.sleep(0.005)
