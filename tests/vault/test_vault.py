"""The vault over a real PostgreSQL: save, credential, list, disconnect, and the refresh protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from providers.base import (
    Account,
    AppRejected,
    GrantRejected,
    ProviderError,
    RateLimited,
    TokenSet,
    Unavailable,
)
from vault.errors import Busy, ConnectionExpired, NotConnected, Sealed, Tampered
from vault.keyring import FileKeyRing
from vault.refresh import Timing
from vault.store.database import Database
from vault.vault import Vault, open_vault

SCOPES = frozenset({"user-read-playback-state"})
Person = Callable[[], Awaitable[UUID]]


class FakeUpstream:
    """A token endpoint that rotates: each refresh token works once, as the strictest providers do."""

    def __init__(self) -> None:
        self.live: set[str] = set()
        self.calls: list[str] = []
        self.revoked: list[str] = []
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.rotate = True
        self.number = 0

    def grant(self, expires_in: float = 3600) -> TokenSet:
        self.number += 1
        refresh = f"refresh-{self.number}"
        self.live.add(refresh)
        return TokenSet(SecretStr(f"access-{self.number}"), expires_in, SecretStr(refresh), SCOPES)

    async def refresh(self, provider: str, app: str, refresh_token: SecretStr) -> TokenSet:
        token = refresh_token.get_secret_value()
        self.calls.append(token)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        if token not in self.live:
            raise GrantRejected(provider, "token refresh")
        if not self.rotate:
            self.number += 1
            return TokenSet(SecretStr(f"access-{self.number}"), 3600)
        self.live.discard(token)
        return self.grant()

    async def revoke(self, provider: str, app: str, token: SecretStr) -> bool:
        self.revoked.append(token.get_secret_value())
        return True


@pytest.fixture
def upstream() -> FakeUpstream:
    return FakeUpstream()


@pytest.fixture
async def vault(database: Database, ring_path: Path, upstream: FakeUpstream) -> AsyncIterator[Vault]:
    vault = await open_vault(database, FileKeyRing.create(ring_path), upstream)
    yield vault
    await vault.drain()


async def connect(
    vault: Vault, upstream: FakeUpstream, owner: UUID, subject: str = "ana", expires_in: float = 3600
) -> Any:
    account = Account("https://accounts.spotify.com", subject, subject.title())
    return await vault.save(owner, "spotify", "operator", account, upstream.grant(expires_in), SCOPES, None)


async def scalar(database: Database, query: str, *values: object) -> Any:
    async with database.connection() as link:
        row = await (await link.execute(query, values)).fetchone()  # type: ignore[arg-type]
    return None if row is None else row[0]


async def run(database: Database, query: str, *values: object) -> None:
    async with database.connection() as link:
        await link.execute(query, values)  # type: ignore[arg-type]


async def test_what_was_saved_is_handed_out_without_the_refresh_token(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner)
    credential = await vault.credential(owner, "spotify")
    assert credential.access_token.get_secret_value() == "access-1"
    assert 3590 < credential.expires_in <= 3600
    assert credential.scopes == SCOPES
    assert not hasattr(credential, "refresh_token")
    assert "access-1" not in repr(credential)
    assert upstream.calls == []


async def test_nothing_readable_rests_in_the_database(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner)
    row = await scalar(database, "SELECT c::text FROM connections c WHERE id = %s", connection.id)
    hexed = b"refresh-1".hex()
    assert "refresh-1" not in row and hexed not in row and "access-1" not in row


async def test_an_expired_token_is_refreshed_once_for_many_callers(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=5)
    got = await asyncio.gather(*(vault.credential(owner, "spotify") for _ in range(40)))
    assert {c.access_token.get_secret_value() for c in got} == {"access-2"}
    assert upstream.calls == ["refresh-1"]


async def test_two_workers_share_one_refresh(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database, ring_path: Path
) -> None:
    others = [await open_vault(database, FileKeyRing(ring_path), upstream) for _ in range(3)]
    owner = await person()
    await connect(vault, upstream, owner, expires_in=1)
    upstream.gate = asyncio.Event()
    calls = [asyncio.create_task(w.credential(owner, "spotify")) for w in (vault, *others) for _ in range(5)]
    while not upstream.calls:
        await asyncio.sleep(0)
    upstream.gate.set()
    got = await asyncio.gather(*calls)
    assert upstream.calls == ["refresh-1"]
    assert {c.access_token.get_secret_value() for c in got} == {"access-2"}


async def test_a_refused_token_is_refreshed_though_it_had_not_expired(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner)
    first = await vault.credential(owner, "spotify")
    again = await asyncio.gather(
        *(vault.credential(owner, "spotify", refused=first.version) for _ in range(10))
    )
    assert upstream.calls == ["refresh-1"]
    assert {c.version for c in again} == {first.version + 1}
    late = await vault.credential(owner, "spotify", refused=first.version)
    assert late.version == first.version + 1 and upstream.calls == ["refresh-1"]


async def test_the_old_refresh_token_is_kept_when_none_is_returned(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    upstream.rotate = False
    owner = await person()
    await connect(vault, upstream, owner, expires_in=1)
    first = await vault.credential(owner, "spotify")
    await vault.credential(owner, "spotify", refused=first.version)
    assert upstream.calls == ["refresh-1", "refresh-1"]


async def test_a_dead_grant_asks_for_the_person_and_is_not_retried(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=1)
    upstream.live.clear()
    for _ in range(3):
        with pytest.raises(ConnectionExpired) as caught:
            await vault.credential(owner, "spotify")
        assert caught.value.reason == "revoked"
    assert upstream.calls == ["refresh-1"]
    [shown] = await vault.list(owner)
    assert (shown.status, shown.reason) == ("needs_reauth", "revoked")


async def test_connecting_again_heals_the_same_row(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    before = await connect(vault, upstream, owner, expires_in=1)
    upstream.live.clear()
    with pytest.raises(ConnectionExpired):
        await vault.credential(owner, "spotify")
    after = await connect(vault, upstream, owner)
    assert after.id == before.id and after.status == "active"
    assert (await vault.credential(owner, "spotify")).access_token.get_secret_value() == "access-2"


async def test_an_unanswered_attempt_is_retried_and_then_named(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    upstream.error = Unavailable("spotify", "token refresh", ambiguous=True)
    with pytest.raises(Unavailable):
        await vault.credential(owner, "spotify")
    upstream.error = None
    upstream.live.clear()
    with pytest.raises(ConnectionExpired) as caught:
        await vault.credential(owner, "spotify")
    assert caught.value.reason == "lost_rotation"
    assert upstream.calls == ["refresh-1", "refresh-1"]


@pytest.mark.parametrize(
    "error",
    [
        AppRejected("spotify", "token refresh"),
        RateLimited("spotify", "token refresh", 60),
        Unavailable("spotify", "token refresh"),
    ],
    ids=lambda e: type(e).__name__,
)
async def test_no_failure_but_a_dead_grant_touches_the_connection(
    vault: Vault, upstream: FakeUpstream, person: Person, error: ProviderError
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    upstream.error = error
    with pytest.raises(type(error)):
        await vault.credential(owner, "spotify")
    [shown] = await vault.list(owner)
    assert shown.status == "active"


async def test_a_long_retry_after_is_answered_at_once_and_not_sent_again(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    upstream.error = RateLimited("spotify", "token refresh", 3600)
    for _ in range(2):
        with pytest.raises(RateLimited) as caught:
            await vault.credential(owner, "spotify")
        assert caught.value.retry_after > 3000
    assert len(upstream.calls) == 1


async def test_a_token_with_some_life_left_is_served_while_the_provider_is_down(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=20)
    upstream.error = Unavailable("spotify", "token refresh")
    assert (await vault.credential(owner, "spotify")).access_token.get_secret_value() == "access-1"


async def test_a_caller_that_gives_up_does_not_cancel_the_refresh(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    upstream.gate = asyncio.Event()
    impatient = asyncio.create_task(vault.credential(owner, "spotify"))
    while not upstream.calls:
        await asyncio.sleep(0)
    impatient.cancel()
    with suppress(asyncio.CancelledError):
        await impatient
    upstream.gate.set()
    assert (await vault.credential(owner, "spotify")).access_token.get_secret_value() == "access-2"
    assert upstream.calls == ["refresh-1"]


async def test_a_disconnect_during_a_refresh_wins_and_the_new_token_is_revoked(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    upstream.gate = asyncio.Event()
    refresh = asyncio.create_task(vault.credential(owner, "spotify"))
    while not upstream.calls:
        await asyncio.sleep(0)
    await vault.disconnect(owner, connection.id)
    upstream.gate.set()
    with pytest.raises(NotConnected):
        await refresh
    assert upstream.revoked == ["refresh-1", "refresh-2"]
    assert await vault.list(owner) == []


async def test_a_lease_that_nobody_gives_back_ends_in_a_clear_retry(
    database: Database, ring_path: Path, upstream: FakeUpstream, person: Person
) -> None:
    now = [0.0]

    async def sleep(seconds: float) -> None:
        now[0] += 1
        await asyncio.sleep(0)

    vault = await open_vault(database, FileKeyRing.create(ring_path), upstream, timing=Timing(wait=5))
    vault._refresher._clock = lambda: now[0]
    vault._refresher._sleep = sleep
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    await run(
        database,
        "UPDATE connections SET lease_until = now() + interval '1 hour' WHERE id = %s",
        connection.id,
    )
    with pytest.raises(Busy):
        await vault.credential(owner, "spotify")
    assert upstream.calls == []


async def test_an_abandoned_lease_is_taken_over(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    await run(
        database,
        "UPDATE connections SET lease_until = now() - interval '1 second',"
        " attempt_started_at = now() - interval '31 seconds' WHERE id = %s",
        connection.id,
    )
    assert (await vault.credential(owner, "spotify")).access_token.get_secret_value() == "access-2"


async def test_a_result_that_cannot_be_stored_is_still_handed_out_and_stored_later(
    vault: Vault, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    store = vault._connections
    commit, away = store.commit, [True]

    async def refuse(*args: Any, **options: Any) -> bool:
        if away[0]:
            raise Busy("the database does not answer")
        return await commit(*args, **options)

    monkeypatch.setattr(store, "commit", refuse)
    assert (await vault.credential(owner, "spotify")).access_token.get_secret_value() == "access-2"
    away[0] = False
    await vault.drain()
    assert upstream.calls == ["refresh-1"]
    assert (await vault.credential(owner, "spotify")).version == 2


async def test_owners_never_meet(vault: Vault, upstream: FakeUpstream, person: Person) -> None:
    ana, ben = await person(), await person()
    hers = await connect(vault, upstream, ana)
    with pytest.raises(NotConnected):
        await vault.credential(ben, "spotify")
    with pytest.raises(NotConnected):
        await vault.credential(ben, "spotify", hers.label)
    with pytest.raises(NotConnected):
        await vault.disconnect(ben, hers.id)
    assert await vault.list(ben) == []
    assert (await vault.credential(ana, "spotify")).access_token.get_secret_value() == "access-1"


async def test_two_people_may_connect_the_same_account(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    ana, ben = await person(), await person()
    await connect(vault, upstream, ana, "shared")
    await connect(vault, upstream, ben, "shared")
    assert (await vault.credential(ana, "spotify")).access_token.get_secret_value() == "access-1"
    assert (await vault.credential(ben, "spotify")).access_token.get_secret_value() == "access-2"


async def test_labels_default_and_promotion(vault: Vault, upstream: FakeUpstream, person: Person) -> None:
    owner = await person()
    first = await connect(vault, upstream, owner, "ana")
    account = Account("https://accounts.spotify.com", "another", "Ana")
    second = await vault.save(owner, "spotify", "operator", account, upstream.grant(), SCOPES, None)
    assert (first.label, second.label) == ("Ana", "Ana 2")
    assert (first.is_default, second.is_default) == (True, False)
    assert (await vault.credential(owner, "spotify", "ana 2")).access_token.get_secret_value() == "access-2"
    await vault.disconnect(owner, first.id)
    [left] = await vault.list(owner)
    assert left.is_default
    assert (await vault.credential(owner, "spotify")).access_token.get_secret_value() == "access-2"


async def test_accounts_connected_at_the_same_moment_get_one_default(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await asyncio.gather(*(connect(vault, upstream, owner, f"account{n}") for n in range(8)))
    shown = await vault.list(owner)
    assert len(shown) == 8 and sum(c.is_default for c in shown) == 1


async def test_disconnect_destroys_exactly_one_key(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    first = await connect(vault, upstream, owner, "one")
    await connect(vault, upstream, owner, "two")
    count = "SELECT count(*) FROM deks WHERE owner = %s"
    assert await scalar(database, count, owner) == 2
    await vault.disconnect(owner, first.id)
    assert await scalar(database, count, owner) == 1
    assert await scalar(database, "SELECT body IS NULL FROM connections WHERE id = %s", first.id)
    assert upstream.revoked == ["refresh-1"]
    with pytest.raises(NotConnected):
        await vault.disconnect(owner, first.id)


async def test_the_grants_own_end_is_kept(vault: Vault, upstream: FakeUpstream, person: Person) -> None:
    owner = await person()
    account = Account("https://accounts.spotify.com", "x", "X")
    lifetime = timedelta(days=180)
    saved = await vault.save(owner, "spotify", "operator", account, upstream.grant(), SCOPES, lifetime)
    assert saved.grant_expires_at is not None
    assert abs((saved.grant_expires_at - saved.created_at) - lifetime) < timedelta(minutes=1)
    refreshed = await vault.credential(owner, "spotify", refused=1)
    assert refreshed.version == 2
    assert (await vault.list(owner))[0].grant_expires_at == saved.grant_expires_at


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE connections SET body = overlay(body placing '\\x00'::bytea from 40) WHERE id = %(a)s",
        "UPDATE connections SET body = substring(body from 1 for 60) WHERE id = %(a)s",
        "UPDATE connections a SET body = b.body FROM connections b WHERE a.id = %(a)s AND b.id = %(b)s",
        "UPDATE connections a SET body = b.body, dek_id = b.dek_id, secret_version = b.secret_version"
        " FROM connections b WHERE a.id = %(a)s AND b.id = %(b)s",
        "UPDATE connections SET secret_version = 7 WHERE id = %(a)s",
        "UPDATE deks SET kek_ref = 'file:main:9'"
        " WHERE id = (SELECT dek_id FROM connections WHERE id = %(a)s)",
        "UPDATE deks x SET wrapped = y.wrapped FROM deks y"
        " WHERE x.id = (SELECT dek_id FROM connections WHERE id = %(a)s)"
        " AND y.id = (SELECT dek_id FROM connections WHERE id = %(b)s)",
    ],
)
async def test_an_edited_row_fails_closed(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database, edit: str
) -> None:
    ana = await person()
    a = await connect(vault, upstream, ana, "one")
    b = await connect(vault, upstream, ana, "two")
    async with database.connection() as link:
        await link.execute(edit, {"a": a.id, "b": b.id})  # type: ignore[arg-type]
    with pytest.raises(Sealed) as caught:
        await vault.credential(ana, "spotify", a.label)
    assert "refresh-" not in str(caught.value) and "access-" not in str(caught.value)
    assert (await vault.credential(ana, "spotify", b.label)).access_token.get_secret_value() == "access-2"


async def test_another_key_ring_does_not_open_the_database(
    vault: Vault, database: Database, tmp_path: Path, upstream: FakeUpstream
) -> None:
    with pytest.raises(Sealed):
        await open_vault(database, FileKeyRing.create(tmp_path / "other.json"), upstream)


async def test_the_operators_small_things_are_bound_to_purpose_and_record(vault: Vault) -> None:
    one, two = UUID(int=1), UUID(int=2)
    sealed = vault.seal("pkce", one, b"verifier")
    assert vault.open("pkce", one, sealed) == b"verifier"
    for purpose, record in (("pkce", two), ("successor", one)):
        with pytest.raises(Tampered):
            vault.open(purpose, record, sealed)
    assert vault.derive("a") != vault.derive("b") and len(vault.derive("a")) == 32
    assert vault.index("i", "s") == vault.index("i", "s") != vault.index("is", "")
