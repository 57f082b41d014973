"""One-time links: minted by whoever has the host, never by the web."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from valet import running
from valet.reach import reached
from valet.settings import Settings
from valet.witness import witnessed
from vault.audit.audit import Audit
from vault.opaque import digest, mint
from vault.store.database import Database
from vault.store.meta import Mode
from vault.store.ownerlinks import OwnerLinks
from vault.store.setups import Setups


class NoLink(Exception):
    """No link can be made; the text says why and what to do."""


async def mint_owner_link(database: Database, origin: str, audit: Audit) -> str:
    """A link that signs the owner in once, within the hour. Only for a loopback server."""
    token = mint()
    await OwnerLinks(database).add(digest(token.get_secret_value()))
    audit.note("link_made", detail="owner")
    return f"{origin}/owner?t={token.get_secret_value()}"


async def mint_setup_link(database: Database, origin: str, audit: Audit) -> str:
    """A link that opens the setup pages once, within the hour, wherever this server is.

    Whoever has the terminal is the operator.
    """
    token = mint()
    await Setups(database).add(digest(token.get_secret_value()))
    audit.note("link_made", detail="setup")
    return f"{origin}/setup?t={token.get_secret_value()}"


async def owner_link(settings: Settings, mode: Mode) -> str:
    """A new owner link of the running instance. Raises NoLink."""
    if not settings.loopback:
        raise NoLink(
            "owner links exist only while Valet listens on and is known by a loopback address; sign in "
            "with a provider instead"
        )
    return await _minted(settings, mode, mint_owner_link)


async def setup_link(settings: Settings, mode: Mode) -> str:
    """A new setup link of the running instance. Raises what `reached` raises."""
    return await _minted(settings, mode, mint_setup_link)


async def _minted(
    settings: Settings, mode: Mode, mint_: Callable[[Database, str, Audit], Awaitable[str]]
) -> str:
    from valet.serve import folder

    async with reached(settings, mode) as database, witnessed(settings, mode, database) as audit:
        note = running.read(folder(settings, mode))
        return await mint_(database, note.public_url if note else settings.origin, audit)
