"""What a refresh bought, alone: what is stored, handed out, told, logged, and ended when a row moved on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast
from uuid import UUID

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from providers.base import Credential, TokenSet, Unavailable
from tests.vault.upstreams import FakeUpstream, connect, consent, run, scalar
from vault.backlog import Backlog
from vault.errors import Busy
from vault.proceeds import Proceeds
from vault.records import Tokens, open_tokens
from vault.revocation import Revoker
from vault.store.connections import Connections
from vault.store.database import Database
from vault.store.leases import SealedConnection
from vault.vault import Vault

Person = Callable[[], Awaitable[UUID]]


@dataclass
class Bench:
    """A connection whose refresh token was just spent, and what becomes of what that brought."""

    vault: Vault
    connections: Connections
    proceeds: Proceeds
    backlog: Backlog
    row: SealedConnection
    now: list[float]
    told: list[tuple[UUID, str]] = field(default_factory=list)
    ended: list[tuple[UUID, str, str]] = field(default_factory=list)

    async def keep(self, fresh: TokenSet) -> Credential | None:
        held = await open_tokens(self.row, self.vault._cache)
        assert held.refresh_token is not None
        return await self.proceeds.keep(self.row, "the app", held, held.refresh_token, fresh)

    async def held(self) -> tuple[str, str | None, int]:
        """Access token, refresh token and version that rest in the row now."""
        row = await self.connections.read(self.row.owner, self.row.id)
        assert row is not None
        tokens = await open_tokens(row, self.vault._cache)
        kept = None if tokens.refresh_token is None else tokens.refresh_token.get_secret_value()
        return tokens.access_token.get_secret_value(), kept, row.secret_version

    async def end(self, row: SealedConnection, token: SecretStr, app: str) -> None:
        """As the revoker's."""
        self.ended.append((row.id, token.get_secret_value(), app))


@pytest.fixture
async def bench(vault: Vault, upstream: FakeUpstream, person: Person, database: Database) -> Bench:
    owner, connections = await person(), Connections(database)
    connection = await connect(vault, upstream, owner)
    row = await connections.read(owner, connection.id)
    assert row is not None
    now = [0.0]
    backlog = Backlog(clock=lambda: now[0])
    made = Bench(vault, connections, cast(Proceeds, None), backlog, row, now)
    revoker = cast(Revoker, made)
    made.proceeds = Proceeds(
        connections,
        vault._cache,
        revoker,
        backlog,
        lambda row, outcome: made.told.append((row.id, outcome)),
        ahead=45,
    )
    return made


def bought(number: int = 9, refresh: str | None = "bought-9", **given: Any) -> TokenSet:
    said = {"scopes": None, "grant_expires_in": None} | given
    token = None if refresh is None else SecretStr(refresh)
    return TokenSet(SecretStr(f"access-{number}"), 60, token, **said)


async def test_what_was_bought_is_stored_and_handed_out(bench: Bench, database: Database) -> None:
    before = frozenset(bench.row.scopes)
    with capture_logs() as logs:
        got = await bench.keep(bought())
    assert got == Credential(str(bench.row.id), SecretStr("access-9"), 60, 2, before, app="operator")
    assert await bench.held() == ("access-9", "bought-9", 2)
    assert bench.told == [(bench.row.id, "refreshed")] and bench.ended == []
    assert logs == [
        {"event": "refreshed", "log_level": "info", "provider": "spotify", "stored": True, "rotated": True}
    ]
    ends = "SELECT grant_expires_at FROM connections WHERE id = %s"
    assert await scalar(database, ends, bench.row.id) is None
    look = "SELECT extract(epoch FROM access_expires_at - tend_at)::float8 FROM connections WHERE id = %s"
    assert 0.8 * 45 <= await scalar(database, look, bench.row.id) <= 1.2 * 45, "so much ahead of the end"


async def test_an_answer_that_names_scopes_is_believed(bench: Bench, database: Database) -> None:
    got = await bench.keep(bought(scopes=frozenset({"b", "a"})))
    assert got is not None and got.scopes == {"a", "b"}
    assert await scalar(database, "SELECT scopes FROM connections WHERE id = %s", bench.row.id) == ["a", "b"]


async def test_an_answer_without_a_refresh_token_leaves_the_old_one(bench: Bench) -> None:
    with capture_logs() as logs:
        await bench.keep(bought(refresh=None))
    assert await bench.held() == ("access-9", "refresh-1", 2)
    assert logs[0]["rotated"] is False


async def test_the_end_of_the_grant_is_stored_where_the_answer_says_it(
    bench: Bench, database: Database
) -> None:
    await bench.keep(bought(grant_expires_in=1000.0))
    left = "SELECT extract(epoch FROM grant_expires_at - now())::float8 FROM connections WHERE id = %s"
    assert 900 < await scalar(database, left, bench.row.id) <= 1000


async def test_what_is_stored_later_lives_that_much_shorter(
    bench: Bench, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, away = bench.connections.commit, [True]

    async def refuse(*args: Any, **options: Any) -> bool:
        if away.pop() if away else False:
            raise Busy("away")
        return await commit(*args, **options)

    monkeypatch.setattr(bench.connections, "commit", refuse)
    with capture_logs() as logs:
        got = await bench.keep(bought(grant_expires_in=1000.0))
        assert got is not None and got.version == 2
        assert bench.told == [(bench.row.id, "not_stored")]
        assert bench.backlog.spent(bench.row, SecretStr("refresh-1")), "and it is not sent again"
        bench.now[0] += 30  # before the backlog's task has begun
        await bench.backlog.drain(20)
    assert await bench.held() == ("access-9", "bought-9", 2)
    left = "SELECT extract(epoch FROM {} - now())::float8 FROM connections WHERE id = %s"
    assert 0 < await scalar(database, left.format("access_expires_at"), bench.row.id) <= 30
    assert 900 < await scalar(database, left.format("grant_expires_at"), bench.row.id) <= 970
    assert logs[0] == {
        "event": "refresh_not_stored", "log_level": "warning", "provider": "spotify", "error": "Busy"
    }  # fmt: skip


async def test_a_grant_that_ended_meanwhile_is_stored_as_one_that_ends_now(
    bench: Bench, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, away = bench.connections.commit, [True]

    async def refuse(*args: Any, **options: Any) -> bool:
        if away.pop() if away else False:
            raise Busy("away")
        return await commit(*args, **options)

    monkeypatch.setattr(bench.connections, "commit", refuse)
    await bench.keep(bought(grant_expires_in=10.0))
    bench.now[0] += 50
    await bench.backlog.drain(20)
    ended = "SELECT grant_expires_at = refreshed_at FROM connections WHERE id = %s"
    assert await scalar(database, ended, bench.row.id) is True


async def test_what_is_not_stored_yet_is_served_until_it_is_over_or_refused(bench: Bench) -> None:
    async def never(_: float) -> None:
        raise Busy("away")

    assert bench.proceeds.kept(bench.row, None) is None
    got = Credential(str(bench.row.id), SecretStr("access-9"), 60, 2, frozenset())
    bench.backlog.add(bench.row, SecretStr("refresh-1"), got, never)
    assert bench.proceeds.kept(bench.row, None) == got
    assert bench.proceeds.kept(bench.row, 1) == got
    assert bench.proceeds.kept(replace(bench.row, secret_version=2), None) is None
    bench.now[0] = 59.0
    assert bench.proceeds.kept(bench.row, None) == replace(got, expires_in=1.0)
    for refused, moment in ((2, 59.0), (None, 60.0)):
        bench.now[0] = moment
        with pytest.raises(Unavailable) as caught:
            bench.proceeds.kept(bench.row, refused)
        error = caught.value
        assert (error.provider, error.operation) == ("spotify", "refresh")
        assert str(error) == "spotify refresh: the last refresh is not stored yet"
    await bench.backlog.drain(0.1)


# --- rows that moved on ---------------------------------------------------------------------------


async def test_a_newer_consent_keeps_its_own_refresh_token(bench: Bench, upstream: FakeUpstream) -> None:
    await connect(bench.vault, upstream, bench.row.owner)
    with capture_logs() as logs:
        assert await bench.keep(bought()) is None
    assert await bench.held() == ("access-2", "refresh-2", 2)
    assert bench.told == [(bench.row.id, "lost_race")] and bench.ended == []
    assert (logs[-1]["event"], logs[-1]["stored"]) == ("refreshed", False)


async def test_a_newer_consent_without_one_gets_what_was_bought(bench: Bench) -> None:
    await consent(bench.vault, bench.row.owner, "consented")
    assert await bench.keep(bought()) is None
    assert await bench.held() == ("consented", "bought-9", 3)
    assert bench.ended == []


async def test_a_newer_consent_is_not_touched_where_nothing_was_rotated(bench: Bench) -> None:
    await consent(bench.vault, bench.row.owner, "consented")
    assert await bench.keep(bought(refresh=None)) is None
    assert await bench.held() == ("consented", "refresh-1", 2)


async def test_what_was_bought_for_a_disconnected_row_is_ended(bench: Bench) -> None:
    await bench.vault.disconnect(bench.row.owner, bench.row.id)
    assert await bench.keep(bought()) is None
    assert bench.ended == [(bench.row.id, "bought-9", "the app")]


async def test_what_was_bought_for_a_grant_that_was_ended_is_ended_though_another_stands(
    bench: Bench, upstream: FakeUpstream
) -> None:
    await bench.vault.disconnect(bench.row.owner, bench.row.id)
    await connect(bench.vault, upstream, bench.row.owner)
    held = await bench.held()
    assert await bench.keep(bought()) is None
    assert bench.ended == [(bench.row.id, "bought-9", "the app")]
    assert await bench.held() == held


@pytest.mark.parametrize("same", ["refresh-2", "the one that was bought"])
async def test_what_stands_under_another_key_is_not_ended_with_it(
    bench: Bench, upstream: FakeUpstream, same: str
) -> None:
    """A connection made anew after a disconnect whose refresh token is the very one that was bought."""
    await bench.vault.disconnect(bench.row.owner, bench.row.id)
    await connect(bench.vault, upstream, bench.row.owner)
    assert await bench.keep(bought(refresh=same if same == "refresh-2" else "bought-9")) is None
    assert bench.ended == ([] if same == "refresh-2" else [(bench.row.id, "bought-9", "the app")])


async def test_a_row_that_does_not_open_is_left_as_it_is(bench: Bench, database: Database) -> None:
    await run(database, "UPDATE connections SET body = 'x', secret_version = 2 WHERE id = %s", bench.row.id)
    assert await bench.keep(bought()) is None
    assert bytes(await scalar(database, "SELECT body FROM connections WHERE id = %s", bench.row.id)) == b"x"
    assert bench.ended == []


async def test_a_row_that_moves_again_and_again_is_tried_five_times(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await consent(bench.vault, bench.row.owner, "consented")
    tries = []

    async def moved(*given: Any) -> bool:
        tries.append(given)
        return False

    monkeypatch.setattr(bench.connections, "succeed", moved)
    with pytest.raises(Busy, match=r"^the connection changes all the time$"):
        await bench.proceeds._overtaken(
            bench.row, "the app", SecretStr("refresh-1"), Tokens(SecretStr("access-9"), SecretStr("bought-9"))
        )
    assert len(tries) == 5
