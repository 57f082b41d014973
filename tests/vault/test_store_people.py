"""The operator's list of people and entries, and what a block ends."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from psycopg.types.json import Jsonb

from tests.support.bearer import speaks_for
from tests.vault.test_store_tokens import Bench, any_proof, plain
from vault.ids import new_id
from vault.opaque import digest
from vault.store.clients import Client, Clients
from vault.store.database import Database
from vault.store.invitations import Invitations
from vault.store.pendings import Pending, Pendings
from vault.store.people import People
from vault.store.personal import PersonalTokens
from vault.store.sessions import Sessions
from vault.store.states import State, States
from vault.store.tokens import Refusal
from vault.store.users import Identity, Users
from vault.store.ways import Ways

ISSUER, OTHER = "https://issuer.example", "https://other.example"
BROWSER = b"b" * 32
RESOURCE = "https://valet.example/mcp"


async def test_the_list_has_everybody_with_all_their_ways_in(empty_database: Database) -> None:
    users = Users(empty_database)
    ana = await users.sign_in(ISSUER, os.urandom(32), "Ana")
    ben = await users.sign_in(ISSUER, os.urandom(32), "Ben")
    await Ways(empty_database).add(ana.id, Identity(OTHER, os.urandom(32), "ana@example.org"))
    await users.block(ben.id)
    first, second = await People(empty_database).list()
    assert (first.id, first.identities) == (ana.id, [(ISSUER, "Ana"), (OTHER, "ana@example.org")])
    assert (second.id, second.identities, second.blocked) == (ben.id, [(ISSUER, "Ben")], True)


async def test_last_seen_is_the_latest_of_page_sign_in_and_chat(empty_database: Database) -> None:
    ana = await Users(empty_database).sign_in(ISSUER, os.urandom(32), "Ana")
    await Sessions(empty_database).begin(os.urandom(32), ana.id)
    async with empty_database.connection() as link:
        for statement in (
            "UPDATE users SET created_at = now() - interval '9 days'",
            "UPDATE identities SET last_used_at = now() - interval '8 days'",
            "UPDATE sessions SET last_seen_at = now() - interval '2 days'",
        ):
            await link.execute(statement)
    [person] = await People(empty_database).list()
    assert timedelta(days=1.9) < datetime.now(UTC) - person.last_seen < timedelta(days=2.1)


async def test_entries_are_kept_once_each(empty_database: Database) -> None:
    invitations = Invitations(empty_database)
    assert await invitations.add("ana@example.org")
    assert not await invitations.add("ana@example.org")
    assert await invitations.add("@example.org")
    assert await invitations.entries() == ["ana@example.org", "@example.org"]
    assert await invitations.remove("ana@example.org")
    assert not await invitations.remove("ana@example.org")
    assert await invitations.entries() == ["@example.org"]


class Standing:
    """A person with a session, a chat's tokens, an unspent code, a pending trip, two questions that wait for
    their yes, and a personal token.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.session, self.state, self.handle, self.offer = (os.urandom(32) for _ in range(4))

    @classmethod
    async def of(cls, database: Database, label: str) -> Standing:
        user = await Users(database).sign_in(ISSUER, os.urandom(32), label)
        client = Client(f"client-{new_id()}", "dcr", "Chat", ("http://localhost:3334/cb",), "none")
        await Clients(database).add(client)
        made = cls(Bench(database, user.id, client))
        await Sessions(database).begin(made.session, user.id)
        trip = State("connect", "spotify", "operator", None, user.id, new_id(), b"sealed", {})
        await States(database).add(made.state, BROWSER, trip)
        await Pendings(database).add(made.handle, BROWSER, Pending("link", user.id, new_id(), b"sealed", {}))
        account = Pending(
            "connect", user.id, new_id(), b"sealed", {}, "spotify", "operator", account_index=os.urandom(32)
        )
        await Pendings(database).add(made.offer, BROWSER, account)
        read = frozenset({"spotify:read"})
        personal = await PersonalTokens(database).add(new_id(), user.id, "Laptop", read, RESOURCE, 90)
        assert personal is not None
        made.personal = personal.get_secret_value()
        made.issued, made.code = await made.bench.issued(), await made.bench.code()
        return made

    async def left(self) -> list[str]:
        """What still works for this person; the code is spent by the question."""
        bench, user = self.bench, self.bench.user
        tokens, database = bench.tokens, bench.database
        access = self.issued.access_token.get_secret_value()
        refresh = digest(self.issued.refresh_token.get_secret_value())
        asked = {
            "session": await Sessions(database).find(self.session),
            "trip": await States(database).consume(self.state, BROWSER, "spotify", user),
            "pending": await Pendings(database).find(self.handle, BROWSER, user, "link"),
            "offer": await Pendings(database).find(self.offer, BROWSER, user, "connect"),
            "personal": await speaks_for(database, digest(self.personal)),
            "token": await speaks_for(database, digest(access)),
            "refresh": await tokens.refresh(refresh, bench.client.id, plain, plain),
            "code": await tokens.exchange(self.code, bench.client.id, any_proof),
        }
        return [name for name, found in asked.items() if found and not isinstance(found, Refusal)]


EVERYTHING = ["session", "trip", "pending", "offer", "personal", "token", "refresh", "code"]


async def test_a_block_ends_everything_of_one_person_and_nothing_of_another(database: Database) -> None:
    ana, ben = await Standing.of(database, "Ana"), await Standing.of(database, "Ben")
    await Users(database).block(ana.bench.user)
    assert await ana.left() == []
    assert await ben.left() == EVERYTHING


async def test_what_a_block_ended_stays_ended(database: Database) -> None:
    ana, users = await Standing.of(database, "Ana"), Users(database)
    await users.block(ana.bench.user)
    # A step that another worker had under way when the block came.
    async with database.connection() as link:
        await link.execute("UPDATE families SET revoked_at = NULL")
    late = os.urandom(32)
    await Sessions(database).begin(late, ana.bench.user)
    await users.unblock(ana.bench.user)
    person = await users.find(ana.bench.user)
    assert person is not None
    assert not person.blocked
    assert await ana.left() == []
    assert await Sessions(database).find(late) is None


async def test_a_block_leaves_no_request_of_a_chat_pending(database: Database) -> None:
    ana = await Standing.of(database, "Ana")
    async with database.connection() as link:
        await link.execute(
            "INSERT INTO flows (id, kind, handle_hash, user_id, provider, params, expires_at)"
            " VALUES (%s, 'connect', %s, %s, 'spotify', %s, now() + interval '1 hour')",
            (new_id(), os.urandom(32), ana.bench.user, Jsonb({})),
        )
    await Users(database).block(ana.bench.user)
    async with database.connection() as link:
        rows = await link.execute(
            "SELECT count(*) FROM flows WHERE user_id = %s AND consumed_at IS NULL", (ana.bench.user,)
        )
        assert await rows.fetchone() == (0,)
