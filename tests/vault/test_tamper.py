"""A database superuser edits sealed rows: each edit fails closed, is counted, and tells nobody anything."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.vault.upstreams import FakeUpstream, access, connect, run, scalar
from vault import records
from vault.errors import Malformed, NotConnected, Sealed, Tampered, UnknownKey
from vault.ids import new_id
from vault.opaque import digest
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.store.tokens import Tokens
from vault.vault import Vault, open_vault

Person = Callable[[], Awaitable[UUID]]

# Every edit is of the connection %(a)s of one person. %(a2)s is their other one, %(b)s somebody else's;
# %(body)s, %(dek)s and %(version)s are an older state of %(a)s.
OF_A = "(SELECT dek_id FROM connections WHERE id = %(a)s)"
OF_B = "(SELECT dek_id FROM connections WHERE id = %(b)s)"
EDITS: dict[str, tuple[str, type[Sealed]]] = {
    "another person's body": (
        "UPDATE connections SET body = (SELECT body FROM connections WHERE id = %(b)s) WHERE id = %(a)s",
        Tampered,
    ),
    "another person's body and key": (
        "UPDATE connections a SET body = b.body, dek_id = b.dek_id FROM connections b"
        " WHERE a.id = %(a)s AND b.id = %(b)s",
        Malformed,
    ),
    "another person's body and key, the key made one's own": (
        "WITH moved AS (UPDATE deks SET owner = (SELECT owner FROM connections WHERE id = %(a)s)"
        f"  WHERE id = {OF_B})"
        " UPDATE connections a SET body = b.body, dek_id = b.dek_id FROM connections b"
        " WHERE a.id = %(a)s AND b.id = %(b)s",
        Tampered,
    ),
    "one's other body, key and version": (
        "UPDATE connections a SET body = o.body, dek_id = o.dek_id, secret_version = o.secret_version"
        " FROM connections o WHERE a.id = %(a)s AND o.id = %(a2)s",
        Tampered,
    ),
    "one's other body": (
        "UPDATE connections SET body = (SELECT body FROM connections WHERE id = %(a2)s) WHERE id = %(a)s",
        Tampered,
    ),
    "one's other key": (
        "UPDATE connections SET dek_id = (SELECT dek_id FROM connections WHERE id = %(a2)s) WHERE id = %(a)s",
        Tampered,
    ),
    "another person's wrapped key": (
        "UPDATE deks a SET wrapped = b.wrapped, kek_ref = b.kek_ref FROM deks b"
        f" WHERE a.id = {OF_A} AND b.id = {OF_B}",
        Tampered,
    ),
    "the operator's wrapped key": (
        "UPDATE deks a SET wrapped = o.wrapped, kek_ref = o.kek_ref FROM deks o"
        f" WHERE a.id = {OF_A} AND o.purpose = 'operator'",
        Tampered,
    ),
    "the operator's key": (
        "UPDATE connections SET dek_id = (SELECT id FROM deks WHERE purpose = 'operator') WHERE id = %(a)s",
        Malformed,
    ),
    "a key of another purpose": (f"UPDATE deks SET purpose = 'app' WHERE id = {OF_A}", Malformed),
    "a key of another owner": (f"UPDATE deks SET owner = %(b)s WHERE id = {OF_A}", Malformed),
    "an older key reference": (f"UPDATE deks SET kek_ref = 'file:main:1' WHERE id = {OF_A}", Tampered),
    "a key reference that is not there": (
        f"UPDATE deks SET kek_ref = 'file:main:9' WHERE id = {OF_A}",
        UnknownKey,
    ),
    "a key reference that is none": (f"UPDATE deks SET kek_ref = E'\\n../x' WHERE id = {OF_A}", UnknownKey),
    "a key that is gone": (f"DELETE FROM deks WHERE id = {OF_A}", Malformed),
    "half a wrapped key": (
        f"UPDATE deks SET wrapped = substr(wrapped, 1, length(wrapped) / 2) WHERE id = {OF_A}",
        Tampered,
    ),
    "no wrapped key": (f"UPDATE deks SET wrapped = '' WHERE id = {OF_A}", Tampered),
    "a later version": (
        "UPDATE connections SET secret_version = secret_version + 1 WHERE id = %(a)s",
        Tampered,
    ),
    "an earlier version": (
        "UPDATE connections SET secret_version = secret_version - 1 WHERE id = %(a)s",
        Tampered,
    ),
    "the last version": (
        "UPDATE connections SET secret_version = 9223372036854775807 WHERE id = %(a)s",
        Malformed,
    ),
    "nearly the last version": (
        "UPDATE connections SET secret_version = 9223372036854775806 WHERE id = %(a)s",
        Malformed,
    ),
    "the last version that counts": (
        "UPDATE connections SET secret_version = 6442450943 WHERE id = %(a)s",
        Tampered,
    ),
    "an impossible version": ("UPDATE connections SET secret_version = -1 WHERE id = %(a)s", Malformed),
    "an older body at the newer version": (
        "UPDATE connections SET body = %(body)s WHERE id = %(a)s",
        Tampered,
    ),
    "an older row elsewhere": (
        "UPDATE connections SET body = o.body, secret_version = o.version FROM"
        " (SELECT %(body)s::bytea AS body, %(version)s::bigint AS version) o WHERE id = %(a2)s;",
        Tampered,
    ),
    "a body without its end": (
        "UPDATE connections SET body = substr(body, 1, length(body) - 1) WHERE id = %(a)s",
        Tampered,
    ),
    "the beginning of a body": (
        "UPDATE connections SET body = substr(body, 1, 10) WHERE id = %(a)s",
        Malformed,
    ),
    "a body with one bit turned": (
        "UPDATE connections SET body = set_bit(body, length(body) * 8 - 1,"
        " 1 - get_bit(body, length(body) * 8 - 1)) WHERE id = %(a)s",
        Tampered,
    ),
    "a body of another format": (
        "UPDATE connections SET body = set_byte(body, 0, 255) WHERE id = %(a)s",
        Malformed,
    ),
    "a body in clear": (
        'UPDATE connections SET body = \'{"access_token": "x", "refresh_token": "y"}\' WHERE id = %(a)s',
        Malformed,
    ),
    "no body": ("UPDATE connections SET body = NULL WHERE id = %(a)s", Malformed),
}
KINDS = {Tampered: "tampered", Malformed: "malformed", UnknownKey: "unknown_key"}


@dataclass
class House:
    """Two people: one with two connections, one with one, and what the first connection was before."""

    vault: Vault
    database: Database
    metrics: CollectorRegistry
    upstream: FakeUpstream
    ana: UUID
    ben: UUID
    names: dict[str, Any]

    async def edit(self, sql: str) -> None:
        async with self.database.connection() as link:
            await link.execute(sql, self.names, prepare=False)  # type: ignore[arg-type]

    def counted(self, kind: str) -> float:
        """Alarms of that kind so far, wherever."""
        return sum(
            sample.value
            for metric in self.metrics.collect()
            for sample in metric.samples
            if sample.name == "valet_sealed_refused_total" and sample.labels["kind"] == kind
        )


@pytest.fixture
async def house(
    vault: Vault, database: Database, ring_path: Path, upstream: FakeUpstream, person: Person, tmp_path: Path
) -> AsyncIterator[House]:
    # `vault` has made the operator's key, under the ring that the other tests have too.
    metrics = CollectorRegistry()
    ring = FileKeyRing(_two_keys(FileKeyRing.create(ring_path), ring_path, tmp_path / "keyring.json"))
    counted = await open_vault(database, ring, upstream, metrics=metrics)
    ana, ben = await person(), await person()
    first = await connect(counted, upstream, ana, "first")
    other = await connect(counted, upstream, ana, "other")
    bens = await connect(counted, upstream, ben, "bens")
    seen = "SELECT body, secret_version FROM connections WHERE id = %s"
    async with database.connection() as link:
        row = await (await link.execute(seen, (first.id,))).fetchone()
    assert row is not None
    await counted.credential(ana, "spotify", refused=1)
    upstream.calls.clear()
    names = {"a": first.id, "a2": other.id, "b": bens.id, "body": row[0], "version": row[1]}
    yield House(counted, database, metrics, upstream, ana, ben, names)
    await counted.drain()


def _two_keys(_: FileKeyRing, old: Path, path: Path) -> Path:
    """The ring at `old` with a second, now active key: references can be swapped."""
    document = json.loads(old.read_text())
    document["keys"]["file:main:1"]["state"] = "decrypt_only"
    document["keys"]["file:main:2"] = {"key": b64encode(b"k" * 32).decode(), "state": "active"}
    document["active"] = "file:main:2"
    path.touch(0o600)
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("live", [True, False], ids=["live", "expired"])
@pytest.mark.parametrize("edit", EDITS)
async def test_an_edited_row_gives_nothing_is_counted_and_can_be_mended(
    house: House, edit: str, live: bool
) -> None:
    sql, expected = EDITS[edit]
    target = house.names["a2" if edit == "an older row elsewhere" else "a"]
    [label] = [shown.label for shown in await house.vault.list(house.ana) if shown.id == target]
    await house.edit(sql)
    if not live:
        await run(house.database, "UPDATE connections SET access_expires_at = now() WHERE id = %s", target)
    before = house.counted(KINDS[expected])
    with capture_logs() as logs, pytest.raises(expected) as caught:
        await house.vault.credential(house.ana, "spotify", label)
    assert house.counted(KINDS[expected]) == before + 1
    [alarm] = [entry for entry in logs if entry["event"] == "sealed_record_refused"]
    assert alarm["kind"] == KINDS[expected]
    counts = [house.counted(kind) for kind in KINDS.values()]
    assert alarm.pop("total") == sum(counts), "an operator sees how many there were"
    for told in (str(caught.value), repr(caught.value), repr(logs)):
        for secret in (
            *map(str, house.names.values()),
            str(house.ana),
            str(house.ben),
            "file:main",
            "access-",
        ):
            assert secret not in told
    assert house.upstream.calls == [] and house.upstream.revoked == []
    # It is the person's own, and they can end it or connect it again.
    assert target in {shown.id for shown in await house.vault.list(house.ana)}
    subject = "other" if target == house.names["a2"] else "first"
    again = await connect(house.vault, house.upstream, house.ana, subject)
    assert again.id == target
    assert (
        access(await house.vault.credential(house.ana, "spotify", label)) == f"access-{house.upstream.number}"
    )
    again = await house.vault.credential(house.ana, "spotify", label)
    fresh = await house.vault.credential(house.ana, "spotify", label, refused=again.version)
    assert access(fresh) == f"access-{house.upstream.number}" and fresh.version == again.version + 1
    assert house.counted(KINDS[expected]) > before, "that was the end of it"
    alarms = house.counted("tampered") + house.counted("malformed")
    await house.vault.credential(house.ana, "spotify", label)
    assert house.counted("tampered") + house.counted("malformed") == alarms
    await house.edit(sql)
    await house.vault.disconnect(house.ana, target)
    assert target not in {shown.id for shown in await house.vault.list(house.ana)}


async def test_a_row_given_to_another_person_does_not_open_for_them(house: House) -> None:
    for kept in (
        "",
        "UPDATE deks SET owner = %(me)s WHERE id = (SELECT dek_id FROM connections WHERE id = %(b)s)",
    ):
        names = {"b": house.names["b"], "me": house.ana}
        async with house.database.connection() as link:
            await link.execute(
                "UPDATE connections SET owner = %(me)s, is_default = false, label = 'taken' WHERE id = %(b)s",
                names,
            )
            if kept:
                await link.execute(kept, names)  # type: ignore[arg-type]
        with pytest.raises(Tampered if kept else Malformed):
            await house.vault.credential(house.ana, "spotify", "taken")
    with pytest.raises(NotConnected):
        await house.vault.credential(house.ben, "spotify")
    assert house.upstream.calls == []


@pytest.mark.parametrize("edit", ["provider = 'google'", "app = 'own-1'"])
@pytest.mark.parametrize("live", [True, False], ids=["live", "expired"])
async def test_a_row_under_another_provider_or_app_sends_its_tokens_nowhere(
    house: House, edit: str, live: bool
) -> None:
    """Else a refresh token would go to a token endpoint it is not of."""
    ends = "" if live else ", access_expires_at = now()"
    await house.edit(f"UPDATE connections SET is_default = false, {edit}{ends} WHERE id = %(a)s")
    before = house.counted("tampered")
    provider = "google" if "google" in edit else "spotify"
    with pytest.raises(Tampered):
        await house.vault.credential(house.ana, provider, "First")
    assert house.counted("tampered") == before + 1
    await house.vault.disconnect(house.ana, house.names["a"])
    assert house.upstream.calls == [] and house.upstream.revoked == []


async def test_a_body_of_before_still_opens(house: House) -> None:
    """Bodies that do not name their provider were written until that was added."""
    row = await house.vault._connections.read(house.ana, house.names["a"])
    assert row is not None
    opened = await records.open_tokens(row, house.vault._cache)
    plain = json.loads(records.encode(opened, row.provider, row.app))
    old = {name: plain[name] for name in ("access_token", "refresh_token")}
    wrapped = row.dek()
    assert wrapped is not None
    place = records.context(row.owner, row.id, row.secret_version)
    sealed = await house.vault._cache.seal(wrapped, place, json.dumps(old).encode())
    await run(house.database, "UPDATE connections SET body = %s WHERE id = %s", sealed, row.id)
    got = await house.vault.credential(house.ana, "spotify", "First")
    assert got.access_token == opened.access_token
    await house.vault.credential(house.ana, "spotify", "First", refused=got.version)
    await house.edit("UPDATE connections SET app = 'own-1' WHERE id = %(a)s")
    with pytest.raises(Tampered):
        await house.vault.credential(house.ana, "spotify", "First")


async def test_a_refresh_under_way_stores_nothing_into_an_edited_row(house: House) -> None:
    """The row got another version and a body that does not open: what was bought has no place in it."""
    house.upstream.gate = asyncio.Event()
    flight = asyncio.create_task(house.vault.credential(house.ana, "spotify", "First", refused=2))
    await house.upstream.called()
    await house.edit("UPDATE connections SET body = 'x', secret_version = 7 WHERE id = %(a)s")
    house.upstream.gate.set()
    with pytest.raises(Sealed):
        await flight
    body = "SELECT body FROM connections WHERE id = %s"
    assert bytes(await scalar(house.database, body, house.names["a"])) == b"x"


async def test_a_connections_key_in_the_operators_place_opens_no_house(
    empty_database: Database, tmp_path: Path, upstream: FakeUpstream
) -> None:
    ring = FileKeyRing.create(tmp_path / "ring.json")
    vault = await open_vault(empty_database, ring, upstream)
    owner = new_id()
    await run(empty_database, "INSERT INTO users (id, display_name) VALUES (%s, 'x')", owner)
    await connect(vault, upstream, owner)
    kept = "SELECT wrapped FROM deks WHERE purpose = 'operator'"
    right = await scalar(empty_database, kept)
    put = "UPDATE deks SET wrapped = %s WHERE purpose = 'operator'"
    theirs = await scalar(empty_database, "SELECT wrapped FROM deks WHERE purpose = 'connection'")
    for wrong in (theirs, bytes(right)[:-1], b""):
        metrics = CollectorRegistry()
        await run(empty_database, put, wrong)
        with pytest.raises(Tampered):
            await open_vault(empty_database, ring, upstream, metrics=metrics)
        labels = {"kind": "tampered", "place": "deks"}
        assert metrics.get_sample_value("valet_sealed_refused_total", labels) == 1
    await run(empty_database, put, right)
    assert access(await (await open_vault(empty_database, ring, upstream)).credential(owner, "spotify"))


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE refresh_tokens SET successor = substr(successor, 1, 40) WHERE hash = %(mine)s",
        "UPDATE refresh_tokens SET successor = set_byte(successor, 60, 1 # get_byte(successor, 60))"
        " WHERE hash = %(mine)s",
        "UPDATE refresh_tokens a SET successor = b.successor FROM refresh_tokens b"
        " WHERE a.hash = %(mine)s AND b.hash = %(theirs)s",
        "UPDATE refresh_tokens a SET record_id = b.record_id FROM refresh_tokens b"
        " WHERE a.hash = %(mine)s AND b.hash = %(theirs)s",
    ],
    ids=["cut", "edited", "another's", "another's id"],
)
async def test_a_successor_that_was_edited_gives_no_token(house: House, edit: str) -> None:
    tokens = Tokens(house.database)
    mine, theirs = [await _signed_in(house, owner) for owner in (house.ana, house.ben)]

    async def refresh(token: str) -> Any:
        return await tokens.refresh(
            digest(token),
            "tamper",
            lambda record, plain: house.vault.seal("successor", record, plain),
            lambda record, sealed: house.vault.open("successor", record, sealed),
        )

    for token in (mine, theirs):
        await refresh(token)
    issued = await scalar(house.database, "SELECT count(*) FROM access_tokens")
    await run_named(house.database, edit, mine=digest(mine), theirs=digest(theirs))
    before = house.counted("tampered") + house.counted("malformed")
    with pytest.raises(Sealed) as caught:
        await refresh(mine)
    assert theirs not in str(caught.value)
    assert house.counted("tampered") + house.counted("malformed") == before + 1
    assert await scalar(house.database, "SELECT count(*) FROM access_tokens") == issued


async def run_named(database: Database, query: str, **names: Any) -> None:
    async with database.connection() as link:
        await link.execute(query, names)  # type: ignore[arg-type]


async def _signed_in(house: House, owner: UUID) -> str:
    """A refresh token of a chat client of that person."""
    grant, family, token = new_id(), new_id(), f"refresh-of-{owner}"
    for query in (
        "INSERT INTO clients (id, kind, name, redirect_uris, auth_method)"
        " VALUES ('tamper', 'dcr', 'x', '{}', 'none') ON CONFLICT DO NOTHING",
        "INSERT INTO grants (id, user_id, client_id, redirect_uri, scopes)"
        " VALUES (%(grant)s, %(owner)s, 'tamper', 'http://127.0.0.1/', '{}')",
        "INSERT INTO families (id, grant_id, resource) VALUES (%(family)s, %(grant)s, 'x')",
        "INSERT INTO refresh_tokens (hash, family_id, record_id, expires_at)"
        " VALUES (%(hash)s, %(family)s, %(record)s, now() + interval '1 day')",
    ):
        await run_named(
            house.database,
            query,
            grant=grant,
            owner=owner,
            family=family,
            hash=digest(token),
            record=new_id(),
        )
    return token
