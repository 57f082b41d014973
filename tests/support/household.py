"""People with all that a database holds of them, put there by the code that does that, and read again."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from pydantic import SecretStr

from providers.base import Account, TokenSet
from tests.vault.upstreams import SCOPES, FakeUpstream
from vault.audit.audit import Audit
from vault.ids import new_id
from vault.opaque import digest
from vault.purposes import TRIP
from vault.rings.file import FileKeyRing
from vault.store.audit import AuditRows
from vault.store.database import Database
from vault.store.meta import Meta
from vault.store.sessions import Sessions
from vault.store.states import State, States
from vault.vault import Vault, open_vault
from vault.verify import Verifier


@dataclass
class Household:
    """What was put in: the secrets by their owners, as they must come out again."""

    access: dict[UUID, str] = field(default_factory=dict)
    apps: dict[UUID, str] = field(default_factory=dict)
    sealed: dict[UUID, bytes] = field(default_factory=dict)
    sessions: dict[UUID, bytes] = field(default_factory=dict)

    def join(self, other: Household) -> None:
        """Count the people of the other one in."""
        self.access |= other.access
        self.apps |= other.apps
        self.sealed |= other.sealed
        self.sessions |= other.sessions

    async def require_open(self, vault: Vault, database: Database) -> None:
        """Everything comes out as it went in, by a vault over a copy of the database."""
        for owner, token in self.access.items():
            credential = await vault.credential(owner, "spotify")
            assert credential.access_token.get_secret_value() == token
        for owner, secret in self.apps.items():
            app = await vault.apps.of(owner, "spotify")
            assert app is not None and app.client_secret is not None
            assert app.client_secret.get_secret_value() == secret
        for record, plain in self.sealed.items():
            async with database.connection() as link:
                cursor = await link.execute("SELECT sealed FROM states WHERE record_id = %s", (record,))
                [row] = await cursor.fetchall()
            assert vault.open(TRIP, record, bytes(row[0])) == plain
        for user, session in self.sessions.items():
            found = await Sessions(database).find(session)
            assert found is not None and found.user.id == user


async def verified(url: SecretStr, ring: Path) -> dict[str, tuple[int, dict[str, int]]]:
    """By kind, how many sealed records open by the ring, and how many do not, by class.

    Kinds without any record are left out.
    """
    database = Database(url.get_secret_value())
    await database.open()
    try:
        verdicts = await Verifier(database, FileKeyRing(ring)).verify()
    finally:
        await database.close()
    found = {each.kind: (each.opened, dict(each.refused)) for each in verdicts}
    return {kind: counts for kind, counts in found.items() if counts != (0, {})}


async def live_in(url: SecretStr, ring: Path, people: int = 5, first: int = 0) -> Household:
    """Fill a migrated database under the ring at `ring`, which is made if there is none.

    `first` is the number of the first person.
    """
    database = Database(url.get_secret_value())
    await database.open()
    try:
        await Meta(database).claim("live")
        vault = await open_vault(database, FileKeyRing.create(ring), FakeUpstream())
        audit = Audit(AuditRows(database))
        audit.begin(vault)
        household = Household()
        for number in range(first, first + people):
            await _settle(vault, database, household, number)
        for user in household.access:
            audit.note("connected", user_id=user, provider="spotify")
        await audit.close()
        await vault.drain()
        return household
    finally:
        await database.close()


async def _settle(vault: Vault, database: Database, household: Household, number: int) -> None:
    user = new_id()
    name = f"Ana {number}, née\t“O'Ñame”\\n\nof two lines"
    async with database.connection() as link:
        await link.execute("INSERT INTO users (id, display_name) VALUES (%s, %s)", (user, name))
    tokens = TokenSet(SecretStr(f"access-{number}"), 36_000, SecretStr(f"refresh-{number}"), SCOPES)
    account = Account("https://accounts.spotify.com", f"subject-{number}", name[:20])
    await vault.save(user, "spotify", "operator", account, tokens, SCOPES, timedelta(days=180))
    household.access[user] = f"access-{number}"
    await vault.apps.save(user, "spotify", f"client-{number}", SecretStr(f"secret-{number}"))
    household.apps[user] = f"secret-{number}"
    household.sessions[user] = digest(os.urandom(32).hex())
    await Sessions(database).begin(household.sessions[user], user, "Firefox")
    await _travel(vault, database, household, number)


async def _travel(vault: Vault, database: Database, household: Household, number: int) -> None:
    record = new_id()
    plain = household.sealed[record] = json.dumps({"verifier": f"verifier-{number}"}).encode()
    state = State(
        purpose="signin",
        provider="spotify",
        app="operator",
        flow_id=None,
        user_id=None,
        record_id=record,
        sealed=vault.seal(TRIP, record, plain),
        params={"number": number},
    )
    await States(database).add(os.urandom(32), os.urandom(32), state)
