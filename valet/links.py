"""One-time owner links: minted by whoever has the host, never by the web."""

from __future__ import annotations

from valet import running
from valet.reach import reached
from valet.settings import Settings
from vault.opaque import digest, mint
from vault.store.database import Database
from vault.store.meta import Mode
from vault.store.ownerlinks import OwnerLinks


class NoLink(Exception):
    """No owner link can be made; the text says why and what to do."""


async def mint_owner_link(database: Database, origin: str) -> str:
    """A link that signs the owner in once, within the hour. Only for a loopback server."""
    token = mint()
    await OwnerLinks(database).add(digest(token.get_secret_value()))
    return f"{origin}/owner?t={token.get_secret_value()}"


async def owner_link(settings: Settings, mode: Mode) -> str:
    """A new owner link of the running instance. Raises NoLink."""
    from valet.serve import folder

    if not settings.loopback:
        raise NoLink(
            "owner links exist only while Valet listens on and is known by a loopback address; sign in "
            "with a provider instead"
        )
    async with reached(settings, mode) as database:
        note = running.read(folder(settings, mode))
        return await mint_owner_link(database, note.public_url if note else settings.origin)
