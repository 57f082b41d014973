"""How a connection stands: for its person, for the warning in a chat, and for the operator's gauge."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from providers.base import Account, RateLimited, TokenSet, Unavailable
from tests.vault.upstreams import SCOPES, FakeUpstream, Unwritable, connect, run, scalar, until
from vault.census import Census
from vault.errors import Busy, ConnectionExpired, Sealed
from vault.health import WORDS, Health, ahead, health, quiet, why
from vault.store.database import Database
from vault.store.standings import Standings
from vault.vault import Vault

Person = Callable[[], Awaitable[UUID]]
DAY = 86400.0


@dataclass(frozen=True)
class Row:
    status: str = "active"
    reason: str | None = None
    ends_in: timedelta | None = None
    stalled: bool = False


def left(**span: float) -> Row:
    return Row(ends_in=timedelta(**span))


@pytest.mark.parametrize(
    ("row", "state", "word", "soon", "urgent"),
    [
        (Row(), "healthy", "healthy", False, False),
        (left(days=180), "healthy", "healthy", False, False),
        (left(days=14, seconds=1), "healthy", "healthy", False, False),
        (left(days=14), "ending", "ending", True, False),
        (left(days=3, seconds=1), "ending", "ending", True, False),
        (left(days=3), "ending", "ending_late", True, True),
        (left(seconds=1), "ending", "ending_late", True, True),
        (left(seconds=0), "needs_reconnecting", "expired", False, False),
        (left(days=-400), "needs_reconnecting", "expired", False, False),
        (Row("needs_reauth", "revoked", timedelta(days=2)), "needs_reconnecting", "revoked", False, False),
        (Row("needs_reauth", "lost_rotation"), "needs_reconnecting", "lost_rotation", False, False),
        (Row("needs_reauth", "no_refresh_token"), "needs_reconnecting", "no_refresh_token", False, False),
        (Row("needs_reauth", "something new"), "needs_reconnecting", "other", False, False),
        (Row("needs_reauth"), "needs_reconnecting", "other", False, False),
        (Row(reason="unreadable", stalled=True), "needs_reconnecting", "unreadable", False, False),
        (Row(reason="rate_limited"), "healthy", "healthy", False, False),
        (Row(reason="rate_limited", stalled=True), "pausing", "pausing", False, False),
        (replace(left(days=2), stalled=True), "pausing", "pausing", True, True),
        (replace(left(days=-2), stalled=True), "needs_reconnecting", "expired", False, False),
    ],
)
def test_a_row_says_how_it_stands(row: Row, state: str, word: str, soon: bool, urgent: bool) -> None:
    found = health(row)
    assert (found.state, found.word, found.soon, found.urgent) == (state, word, soon, urgent)
    assert found.word in WORDS
    assert found.works == (state != "needs_reconnecting")
    assert bool(found.why) == (state in {"needs_reconnecting", "pausing"})


def test_every_reason_has_words_of_its_own() -> None:
    said = [Health("needs_reconnecting", word).why for word in (*WORDS[4:-1], "anything else")]
    assert len(set(said)) == len(said) == 6
    assert why(None) == why("anything else") == "the provider no longer accepts it"
    assert Health("pausing", "rate_limited").why != Health("pausing").why


def test_an_end_is_never_said_to_be_further_off_than_it_is() -> None:
    for hours, said in (
        (49, "in 2 days"),
        (48, "in 2 days"),
        (47, "in a day"),
        (24, "in a day"),
        (23, "within a day"),
    ):
        assert ahead(timedelta(hours=hours)) == said


@pytest.mark.parametrize(
    ("lifetime", "seconds"),
    [
        (None, None),
        (180 * DAY, None),
        (14 * DAY + 1, None),
        (14 * DAY, 11 * DAY),
        (7 * DAY, 4 * DAY),
        (60.0, 0.0),
    ],
)
def test_a_grant_that_is_short_from_the_start_is_not_warned_of_every_day(
    lifetime: float | None, seconds: float | None
) -> None:
    assert quiet(lifetime) == seconds


# The warning in a chat


async def grant(
    vault: Vault, upstream: FakeUpstream, owner: UUID, *, said: float | None = None, days: float | None = 180
) -> Any:
    """A consent: `said` is what the answer says of its end in days, `days` the provider's rule."""
    tokens = replace(upstream.grant(), grant_expires_in=None if said is None else said * DAY)
    rule = None if days is None else timedelta(days=days)
    account = Account("https://accounts.spotify.com", "ana", "Ana")
    return await vault.save(owner, "spotify", "operator", account, tokens, SCOPES, rule)


async def ends(database: Database, connection: UUID, span: str) -> None:
    await run(
        database,
        "UPDATE connections SET grant_expires_at = now() + %s::interval WHERE id = %s",
        span,
        connection,
    )


@pytest.mark.parametrize(
    ("span", "ending"),
    [("15 days", False), ("13 days", True), ("1 hour", True), ("-1 second", False)],
)
async def test_a_credential_says_that_its_grant_ends_soon(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database, span: str, ending: bool
) -> None:
    saved = await grant(vault, upstream, owner := await person())
    assert not (await vault.credential(owner, "spotify")).ending
    await ends(database, saved.id, span)
    assert (await vault.credential(owner, "spotify")).ending is ending
    assert (await vault.credential(owner, "spotify", refused=1)).ending is ending, "after a refresh, too"
    warning = await vault.warn(owner, saved.id)
    assert (warning is not None) is ending


async def test_a_warning_is_given_to_one_of_all_that_ask_and_then_not_for_a_day(
    vault: Vault,
    rival: tuple[Vault, FakeUpstream],
    upstream: FakeUpstream,
    person: Person,
    database: Database,
) -> None:
    saved = await grant(vault, upstream, owner := await person())
    await ends(database, saved.id, "12 days 1 hour")
    asked = [each.warn(owner, saved.id) for each in (vault, rival[0]) for _ in range(8)]
    [warning] = [each for each in await asyncio.gather(*asked) if each is not None]
    assert (warning.id, warning.provider, warning.label) == (saved.id, "spotify", "Ana")
    assert warning.ends_in.days == 12
    assert not (await vault.credential(owner, "spotify")).ending, "so that nobody has to ask"
    for later, given in (("23 hours 59 minutes", False), ("24 hours", True)):
        await run(
            database, "UPDATE connections SET next_warning_at = next_warning_at - %s::interval WHERE id = %s",
            later, saved.id,
        )  # fmt: skip
        assert (await vault.credential(owner, "spotify")).ending is given
        assert (await vault.warn(owner, saved.id) is not None) is given


async def test_nobody_is_warned_of_another_persons_connection_nor_of_one_that_is_over(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    saved = await grant(vault, upstream, owner := await person())
    await ends(database, saved.id, "2 days")
    assert await vault.warn(await person(), saved.id) is None
    await run(database, "UPDATE connections SET status = 'needs_reauth' WHERE id = %s", saved.id)
    assert await vault.warn(owner, saved.id) is None
    await run(database, "UPDATE connections SET status = 'active' WHERE id = %s", saved.id)
    assert await vault.warn(owner, saved.id) is not None


async def test_a_new_consent_begins_anew(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    saved = await grant(vault, upstream, owner := await person())
    await ends(database, saved.id, "2 days")
    assert await vault.warn(owner, saved.id) is not None
    again = await grant(vault, upstream, owner)
    assert again.id == saved.id and not health(again).soon
    await ends(database, saved.id, "2 days")
    assert await vault.warn(owner, saved.id) is not None, "the day of the old consent's warning is not over"


async def test_a_consent_that_keeps_the_refresh_token_keeps_its_end_and_its_warning(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    saved = await grant(vault, upstream, owner := await person())
    await ends(database, saved.id, "2 days")
    assert await vault.warn(owner, saved.id) is not None
    account = Account("https://accounts.spotify.com", "ana", "Ana")
    more = TokenSet(SecretStr("more"), 3600, None, SCOPES | {"more"})
    again = await vault.save(owner, "spotify", "operator", account, more, SCOPES, timedelta(days=180))
    assert health(again).urgent, "to allow more prolongs no grant"
    assert await vault.warn(owner, saved.id) is None
    said = replace(more, grant_expires_in=9 * DAY)
    again = await vault.save(owner, "spotify", "operator", account, said, SCOPES, timedelta(days=180))
    assert again.ends_in is not None and again.ends_in.days == 8, "but the provider knows best"


async def test_a_grant_of_seven_days_is_not_warned_of_before_its_last_three(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    saved = await grant(vault, upstream, owner := await person(), said=7, days=None)
    assert health(saved).soon, "the page says so from the first day"
    assert not (await vault.credential(owner, "spotify")).ending
    assert await vault.warn(owner, saved.id) is None
    await run(
        database,
        "UPDATE connections SET grant_expires_at = grant_expires_at - interval '4 days 1 minute',"
        " next_warning_at = next_warning_at - interval '4 days 1 minute' WHERE id = %s",
        saved.id,
    )
    assert (await vault.credential(owner, "spotify")).ending
    assert await vault.warn(owner, saved.id) is not None


# The end of a grant


@pytest.mark.parametrize(
    ("said", "days", "found"), [(7, None, 6), (7, 180, 6), (400, 180, 179), (None, 180, 179)]
)
async def test_what_ends_first_is_the_end(
    vault: Vault, upstream: FakeUpstream, person: Person, said: float | None, days: float | None, found: int
) -> None:
    saved = await grant(vault, upstream, await person(), said=said, days=days)
    assert saved.ends_in.days == found


async def test_a_refresh_leaves_the_end_where_it_is_unless_the_answer_says_another(
    vault: Vault, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = await grant(vault, upstream, owner := await person(), said=7, days=None)
    await vault.credential(owner, "spotify", refused=1)
    [after] = await vault.list(owner)
    assert after.grant_expires_at == saved.grant_expires_at
    give = upstream.grant
    monkeypatch.setattr(upstream, "grant", lambda: replace(give(), grant_expires_in=2 * DAY))
    await vault.credential(owner, "spotify", refused=2)
    [after] = await vault.list(owner)
    assert after.ends_in is not None and after.ends_in.days == 1 and health(after).urgent


async def test_an_end_that_is_stored_late_is_not_later_for_it(
    vault: Vault, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await grant(vault, upstream, owner := await person(), said=7, days=None)
    give = upstream.grant
    monkeypatch.setattr(upstream, "grant", lambda: replace(give(), grant_expires_in=2 * DAY))
    away = Unwritable(vault, monkeypatch, Busy("away"))
    await vault.credential(owner, "spotify", refused=1)
    [pending] = vault._refresher._backlog._pending.values()
    # As if half an hour went by until the database was there again.
    vault._refresher._backlog._clock = lambda: pending.until - 1800
    away.back.set()
    await until(lambda: not vault._refresher._backlog._pending)
    [after] = await vault.list(owner)
    assert after.ends_in is not None
    assert timedelta(days=2) - after.ends_in >= timedelta(minutes=30)


async def test_after_its_end_a_connection_is_over_before_anybody_has_tried(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    saved = await grant(vault, upstream, owner := await person())
    await ends(database, saved.id, "-1 minute")
    [row] = await vault.list(owner)
    assert (row.status, health(row).word) == ("active", "expired")
    assert upstream.calls == []
    # The access token is served to its own end, and then the provider has the last word.
    await vault.credential(owner, "spotify")
    upstream.live.clear()
    with pytest.raises(ConnectionExpired) as over:
        await vault.credential(owner, "spotify", refused=1)
    assert over.value.reason == "expired"


@pytest.mark.parametrize(
    ("error", "reason"), [(RateLimited("spotify", "refresh", 90), "rate_limited"), (None, "")]
)
async def test_a_connection_that_has_to_wait_says_so_once_its_token_is_over(
    vault: Vault,
    upstream: FakeUpstream,
    person: Person,
    database: Database,
    error: Exception | None,
    reason: str,
) -> None:
    saved = await connect(vault, upstream, owner := await person(), expires_in=20)
    upstream.error = error or Unavailable("spotify", "refresh", "down")
    await vault.credential(owner, "spotify")
    [row] = await vault.list(owner)
    assert health(row).state == "healthy", "the old access token is served"
    # A pause of chance may be over at once.
    await run(
        database,
        "UPDATE connections SET next_attempt_at = now() + interval '1 minute', access_expires_at = now()"
        " WHERE id = %s",
        saved.id,
    )
    [row] = await vault.list(owner)
    assert (health(row).state, health(row).reason) == ("pausing", reason)
    upstream.error = None
    await run(database, "UPDATE connections SET next_attempt_at = now() WHERE id = %s", saved.id)
    await vault.credential(owner, "spotify")
    [row] = await vault.list(owner)
    assert health(row).state == "healthy"


# What does not open

BROKEN = {
    "body": "UPDATE connections SET body = overlay(body placing '\\x00'::bytea from 40) WHERE id = %s",
    "key": "UPDATE connections SET dek_id = NULL WHERE id = %s",
    "reference": "UPDATE deks SET kek_ref = 'file:main:99'"
    " WHERE id = (SELECT dek_id FROM connections WHERE id = %s)",
}


@pytest.mark.parametrize("refused", [None, 1])
@pytest.mark.parametrize("what", BROKEN)
async def test_what_does_not_open_needs_its_person(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database, what: str, refused: int | None
) -> None:
    saved = await connect(vault, upstream, owner := await person())
    await run(database, BROKEN[what], saved.id)
    for _ in range(2):
        with pytest.raises(Sealed):
            await vault.credential(owner, "spotify", refused=refused)
    [row] = await vault.list(owner)
    assert (row.status, health(row).word, health(row).works) == ("active", "unreadable", False)
    [row] = [await connect(vault, upstream, owner)]
    assert health(row).state == "healthy", "a new consent mends it"
    await vault.credential(owner, "spotify")


async def test_what_opens_again_works_again(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    """As when the operator puts a key back."""
    saved = await connect(vault, upstream, owner := await person())
    known = "SELECT kek_ref FROM deks WHERE owner = %s"
    reference = await scalar(database, known, owner)
    await run(database, BROKEN["reference"], saved.id)
    with pytest.raises(Sealed):
        await vault.credential(owner, "spotify")
    await run(database, "UPDATE deks SET kek_ref = %s WHERE owner = %s", reference, owner)
    await vault.credential(owner, "spotify")
    [row] = await vault.list(owner)
    assert (row.reason, health(row).state) == (None, "healthy")


async def test_a_mark_never_falls_on_a_newer_secret(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    saved = await connect(vault, upstream, owner := await person())
    await vault.credential(owner, "spotify", refused=1)
    standings = Standings(database)
    await standings.mark(owner, saved.id, 1, readable=False)
    await standings.mark(await person(), saved.id, 2, readable=False)
    [row] = await vault.list(owner)
    assert health(row).state == "healthy"
    await standings.mark(owner, saved.id, 2, readable=False)
    [row] = await vault.list(owner)
    assert health(row).word == "unreadable"


async def test_a_database_that_does_not_take_the_mark_changes_nothing_for_the_caller(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = await connect(vault, upstream, owner := await person())
    await run(database, BROKEN["body"], saved.id)

    async def busy(*_: object, **__: object) -> None:
        raise Busy("away")

    monkeypatch.setattr(vault._standings, "mark", busy)
    with pytest.raises(Sealed):
        await vault.credential(owner, "spotify")


# The operator's gauge


def shown(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    return {
        (sample.labels["provider"], sample.labels["health"]): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.value
    }


STOOD = {
    ("spotify", "healthy"): "grant_expires_at = now() + interval '20 days'",
    ("spotify", "ending"): "grant_expires_at = now() + interval '13 days'",
    ("spotify", "ending_late"): "grant_expires_at = now() + interval '2 days'",
    ("google", "expired"): "grant_expires_at = now() - interval '1 day'",
    ("google", "revoked"): "status = 'needs_reauth', reason = 'revoked'",
    ("google", "other"): "status = 'needs_reauth', reason = 'a word that somebody wrote there'",
    ("google", "unreadable"): "reason = 'unreadable'",
    ("google", "pausing"): "access_expires_at = now(), next_attempt_at = now() + interval '1 hour'",
    ("google", "healthy"): "next_attempt_at = now() + interval '1 hour'",
    ("google", ""): "status = 'disconnected'",
}


async def fill(database: Database) -> None:
    async with database.connection() as link:
        await link.execute("INSERT INTO users (id, display_name) VALUES (%s, 'Ana')", (owner := UUID(int=1),))
        for number, ((provider, _), state) in enumerate(STOOD.items()):
            await link.execute(
                "INSERT INTO connections (id, owner, provider, account_index, account_label, app, label,"
                " scopes, status, access_expires_at) VALUES"
                " (%s, %s, %s, %s, 'Ana', 'operator', %s, '{}', 'active', now() + interval '1 hour')",
                (id_ := UUID(int=number + 2), owner, provider, bytes([number]), str(number)),
            )
            await link.execute(f"UPDATE connections SET {state} WHERE id = %s", (id_,))  # type: ignore[arg-type]


async def test_the_gauge_counts_how_connections_stand_and_names_nobody(empty_database: Database) -> None:
    await fill(empty_database)
    registry = CollectorRegistry()
    census = Census(Standings(empty_database), registry)
    assert next(iter(registry.collect())).samples == [], "nothing is shown before anything was counted"
    assert await census.count() == 0
    assert shown(registry) == {key: 1 for key in STOOD if key[1]}
    [metric] = registry.collect()
    assert metric.name == "valet_connections"
    assert {tuple(sample.labels) for sample in metric.samples} == {("provider", "health")}
    # A word that nobody stands under is there, too: as a zero.
    assert {sample.labels["health"] for sample in metric.samples} == set(WORDS)


async def test_the_gauge_follows_and_an_old_count_is_not_shown(empty_database: Database) -> None:
    await fill(empty_database)
    now, registry = [0.0], CollectorRegistry()
    standings = Standings(empty_database)
    census = Census(standings, registry, clock=lambda: now[0])
    await census.count()
    before = shown(registry)
    await run(empty_database, "UPDATE connections SET status = 'disconnected' WHERE provider = 'google'")
    await census.count()
    assert shown(registry) == {key: 1 for key in before if key[0] == "spotify"}
    now[0] += 899
    assert shown(registry)
    now[0] += 2
    assert not shown(registry), "a figure of long ago is none"


async def test_a_count_that_takes_long_is_made_less_often(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, standings = [0.0], Standings(empty_database)
    count, counted = standings.count, 0

    async def slow() -> Any:
        nonlocal counted
        counted += 1
        now[0] += 2
        return await count()

    monkeypatch.setattr(standings, "count", slow)
    census = Census(standings, CollectorRegistry(), clock=lambda: now[0])
    for moment, times in ((0.0, 1), (201.0, 1), (202.0, 2)):
        now[0] = moment
        await census.count()
        assert counted == times
