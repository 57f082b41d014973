"""Opening everything: each kind of sealed record is found, and what does not open is counted, never shown."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from providers.base import Parcel
from tests.support import databases
from tests.vault.upstreams import FakeUpstream, connect, run
from vault import purposes, verify
from vault.approvals import Approvals, Preview
from vault.ids import new_id
from vault.opaque import digest, mint
from vault.rings.edit import RingFile
from vault.rings.file import FileKeyRing
from vault.store.approvals import ApprovalRows
from vault.store.database import Database
from vault.store.pendings import Pending, Pendings
from vault.store.states import State, States
from vault.store.transfers import TransferRows
from vault.transfers import Transfers
from vault.vault import Vault, open_vault
from vault.verify import SEALED, Verdict, Verifier

# Columns of bytes that hold nothing to open: hashes, keyed or of random values, and checksums of our own.
HASHES = {
    "access_tokens.hash", "audit.address", "audit.client", "audit.mac", "audit.person", "audit.seen_mac",
    "clients.secret_hash", "codes.hash", "connections.account_index",
    "flows.handle_hash", "identities.claims", "identities.subject_index", "limits.key", "owner_links.hash",
    "pendings.account_index", "pendings.browser_hash", "pendings.hash", "refresh_tokens.hash",
    "refresh_tokens.successor_hash", "schema_migrations.checksum", "sessions.hash", "setups.browser_hash",
    "setups.hash", "setups.session_hash", "states.browser_hash", "states.hash", "transfers.hash",
    "approvals.hash", "approvals.mark",
}  # fmt: skip


@pytest.fixture(scope="module")
async def house(server_url: str, template: str) -> AsyncIterator[Database]:
    """A database of this module's own."""
    with databases.copied(server_url, template) as url:
        database = Database(url)
        await database.open()
        yield database
        await database.close()


@pytest.fixture
async def database(house: Database) -> Database:
    """The same for every test, with nothing in it."""
    await run(house, "TRUNCATE users, deks, apps, states, clients CASCADE")
    return house


@pytest.fixture
def path(tmp_path: Path) -> Path:
    FileKeyRing.create(tmp_path / "ring.json")
    return tmp_path / "ring.json"


@pytest.fixture
async def vault(database: Database, path: Path, upstream: FakeUpstream) -> AsyncIterator[Vault]:
    vault = await open_vault(database, FileKeyRing(path), upstream)
    yield vault
    await vault.drain()


async def plant(database: Database, vault: Vault, upstream: FakeUpstream) -> UUID:
    """A person with one record of every kind, `canary` in each label."""
    owner = new_id()
    await run(database, "INSERT INTO users (id, display_name) VALUES (%s, 'canary')", owner)
    connection = await connect(vault, upstream, owner, "canary")
    await vault.apps.save(owner, "spotify", "canary-id", None, "canary")
    record = new_id()
    sealed = vault.seal(purposes.TRIP, record, b"canary")
    trip = State("connect", "spotify", "operator", None, owner, record, sealed, {})
    await States(database).add(digest(mint().get_secret_value()), b"b" * 32, trip)
    for purpose, kind in purposes.WAITING.items():
        record = new_id()
        waits = Pending(purpose, owner, record, vault.seal(kind, record, b"canary"), {})
        await Pendings(database).add(digest(mint().get_secret_value()), b"b" * 32, waits)
    await answered(database, vault, owner)
    grant = await successor(database, vault, owner)
    await Transfers(TransferRows(database), vault).offer(
        user=owner, grant=grant, connection=connection.id, scopes=["drive:read"],
        parcel=Parcel("download", "google", "drive_file", "canary", {"file": "canary"}),
    )  # fmt: skip
    approvals = Approvals(ApprovalRows(database), vault)
    deed = approvals.deed(owner, grant, "gmail_send_message", connection.id, ["canary"])
    await approvals.ask(deed, Preview("Send this mail", (("To", "canary"),)))
    called = vault.seal(purposes.CALLED, owner, b"canary")
    await run(database, "INSERT INTO audit_keys (user_id, sealed) VALUES (%s, %s)", owner, called)
    return owner


async def answered(database: Database, vault: Vault, owner: UUID) -> None:
    """What was answered keeps its pages for a day, and nothing else that is sealed."""
    record, key, browser = new_id(), digest(mint().get_secret_value()), b"b" * 32
    pages = b64encode(vault.seal(purposes.PAGES, record, b"[]")).decode()
    waits = Pending("connect", owner, record, b"sealed", {"record": str(record), "pages": pages})
    await Pendings(database).add(key, browser, waits)
    assert await Pendings(database).refuse(key, browser, owner, "connect")


async def successor(database: Database, vault: Vault, owner: UUID) -> UUID:
    client, grant, family, record = f"canary-{new_id()}", new_id(), new_id(), new_id()
    await run(
        database,
        "INSERT INTO clients (id, kind, name, redirect_uris, auth_method)"
        " VALUES (%s, 'dcr', 'x', '{}', 'none')",
        client,
    )
    await run(
        database,
        "INSERT INTO grants (id, user_id, client_id, redirect_uri, scopes) VALUES (%s, %s, %s, 'x', '{}')",
        grant, owner, client,
    )  # fmt: skip
    await run(database, "INSERT INTO families (id, grant_id, resource) VALUES (%s, %s, 'x')", family, grant)
    await run(
        database,
        "INSERT INTO refresh_tokens (hash, record_id, family_id, expires_at, used_at, successor)"
        " VALUES (%s, %s, %s, now() + interval '1 day', now(), %s)",
        digest(mint().get_secret_value()), record, family, vault.seal(purposes.SUCCESSOR, record, b"canary"),
    )  # fmt: skip
    return grant


EVERYTHING = {
    "data keys": 3, "connections": 1, "apps": 1, "trips": 1, "waiting": 2, "pages": 1, "successors": 1,
    "audit keys": 1, "transfers": 1, "questions": 1,
}  # fmt: skip


async def looked(database: Database, path: Path) -> dict[str, Verdict]:
    verdicts = await Verifier(database, FileKeyRing(path)).verify()
    return {verdict.kind: verdict for verdict in verdicts}


async def test_everything_opens(
    database: Database, vault: Vault, upstream: FakeUpstream, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await plant(database, vault, upstream)
    capsys.readouterr()
    seen: list[tuple[int, int]] = []
    verdicts = await Verifier(database, FileKeyRing(path)).verify(lambda *at: seen.append(at))
    assert {verdict.kind: verdict.opened for verdict in verdicts} == EVERYTHING
    assert all(not verdict.refused and not verdict.ids for verdict in verdicts)
    assert [at for at, _ in seen] == [3, 4, 5, 6, 8, 9, 10, 11, 12, 13]
    assert all(at <= total for at, total in seen)
    assert capsys.readouterr().out == ""


async def test_every_kind_is_planted_and_every_sealed_column_is_known(house: Database) -> None:
    """A column of bytes that is new is either sealed, and then `valet keys verify` opens it, or a hash."""
    async with house.connection() as link:
        cursor = await link.execute(
            "SELECT table_name || '.' || column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND (data_type = 'bytea' OR udt_name = '_bytea')"
        )
        columns = {name for (name,) in await cursor.fetchall()}
    sealed = {column for kind in SEALED.values() for column in kind}
    assert sealed - {"pendings.params"} == columns - HASHES
    assert columns >= HASHES, "a column that is gone"
    assert EVERYTHING.keys() == SEALED.keys()


def test_every_purpose_of_the_operators_key_is_opened() -> None:
    """What anybody seals with the operator's key has a name in vault/purposes.py; each name is verified."""
    named = {name for name in vars(purposes) if re.fullmatch(r"[A-Z]+", name)} - {"WAITING"}
    source = Path(verify.__file__).read_text()
    waiting = {name for name in named if getattr(purposes, name) in purposes.WAITING.values()}
    assert {name for name in named if f"({name}, " in source} | waiting == named
    rooms = Path(verify.__file__).parents[1]
    for room in ("connect", "valet", "mcp_server"):
        for file in (rooms / room).rglob("*.py"):
            for given in re.findall(r"\b\w*vault\.(?:seal|open)\(\s*([^,)\s]+),", file.read_text()):
                assert given in named, f"{file} seals as {given}"


OPERATORS = ("trips", "waiting", "pages", "successors", "audit keys", "transfers", "questions")
# Each edit is of every row of its table.
EDITS: dict[str, tuple[str, dict[str, str]]] = {
    "a bit of every body": (
        "UPDATE connections SET body = set_byte(body, length(body) - 1,"
        " get_byte(body, length(body) - 1) # 1)",
        {"connections": "tampered"},
    ),
    "another version": (
        "UPDATE connections SET secret_version = secret_version + 1",
        {"connections": "tampered"},
    ),
    "another provider": ("UPDATE connections SET provider = 'google'", {"connections": "tampered"}),
    "an impossible version": ("UPDATE connections SET secret_version = -1", {"connections": "malformed"}),
    "no body": ("UPDATE connections SET body = NULL", {"connections": "malformed"}),
    "a body of nothing": ("UPDATE connections SET body = ''", {"connections": "malformed"}),
    "no key": ("UPDATE connections SET dek_id = NULL", {"connections": "malformed"}),
    "another client id": ("UPDATE apps SET client_id = 'x'", {"apps": "tampered"}),
    "an app's body cut short": (
        "UPDATE apps SET body = substr(body, 1, length(body) - 1)",
        {"apps": "tampered"},
    ),
    "a trip of another record": ("UPDATE states SET record_id = gen_random_uuid()", {"trips": "tampered"}),
    "a trip in clear": ("UPDATE states SET sealed = 'verifier'", {"trips": "malformed"}),
    "what waits as something else": (
        "UPDATE pendings SET purpose = CASE purpose WHEN 'link' THEN 'connect' ELSE 'link' END",
        {"waiting": "tampered"},
    ),
    "what waits as nothing known": ("UPDATE pendings SET purpose = 'x'", {"waiting": "malformed"}),
    "pages that are no base64": (
        'UPDATE pendings SET params = params || \'{"pages": "!"}\' WHERE sealed IS NULL',
        {"pages": "malformed"},
    ),
    "pages that are nothing": (
        "UPDATE pendings SET params = params || '{\"pages\": null}' WHERE sealed IS NULL",
        {"pages": "malformed"},
    ),
    "pages of no record": (
        "UPDATE pendings SET params = params - 'record' WHERE sealed IS NULL",
        {"pages": "malformed"},
    ),
    "pages of another record": (
        "UPDATE pendings SET params = params || jsonb_build_object('record', gen_random_uuid())"
        " WHERE sealed IS NULL",
        {"pages": "tampered"},
    ),
    "a successor of another token": (
        "UPDATE refresh_tokens SET record_id = gen_random_uuid()",
        {"successors": "tampered"},
    ),
    "an audit key that is something else": (
        "UPDATE audit_keys SET sealed = (SELECT sealed FROM states LIMIT 1)",
        {"audit keys": "tampered"},
    ),
    "a link of another record": (
        "UPDATE transfers SET record_id = gen_random_uuid()",
        {"transfers": "tampered"},
    ),
    "a question of another record": (
        "UPDATE approvals SET id = gen_random_uuid()",
        {"questions": "tampered"},
    ),
    "an edited wrap of a connection's key": (
        "UPDATE deks SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)"
        " WHERE purpose = 'connection'",
        {"data keys": "tampered", "connections": "tampered"},
    ),
    "a key that nobody holds": (
        "UPDATE deks SET kek_ref = 'file:lost:1' WHERE purpose = 'app'",
        {"data keys": "unknown_key", "apps": "unknown_key"},
    ),
    "the operator's key of another ring": (
        "UPDATE deks SET kek_ref = 'file:lost:1' WHERE purpose = 'operator'",
        {kind: "unknown_key" for kind in ("data keys", *OPERATORS)},
    ),
    "no operator's key": (
        "DELETE FROM deks WHERE purpose = 'operator'",
        {kind: "unknown_key" for kind in OPERATORS},
    ),
}


@pytest.mark.parametrize("edit", EDITS)
async def test_what_does_not_open_is_counted_by_its_class(
    database: Database, vault: Vault, upstream: FakeUpstream, path: Path, edit: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    await plant(database, vault, upstream)
    capsys.readouterr()
    statement, expected = EDITS[edit]
    await run(database, statement)
    verdicts = await looked(database, path)
    for kind, verdict in verdicts.items():
        assert set(verdict.refused) == ({expected[kind]} if kind in expected else set()), kind
        assert len(verdict.ids) == verdict.refused.total()
        whole = EVERYTHING[kind] - ("no operator" in edit and kind == "data keys")
        assert verdict.opened + verdict.refused.total() == whole
    assert capsys.readouterr().out == "", "a log line, for what is told anyway"
    assert "canary" not in json.dumps([verdict.json() for verdict in verdicts.values()])


async def test_text_that_somebody_put_in_the_place_of_an_id_is_not_shown(
    database: Database, vault: Vault, upstream: FakeUpstream, path: Path
) -> None:
    await plant(database, vault, upstream)
    planted = "jsonb_set(params, '{record}', to_jsonb(E'\\x1b[2Jeverything opens'::text))"
    await run(database, f"UPDATE pendings SET params = {planted} WHERE params ? 'pages'")
    assert (await looked(database, path))["pages"].ids == ["(no id)"]


async def test_with_another_ring_nothing_opens(
    database: Database, vault: Vault, upstream: FakeUpstream, path: Path, tmp_path: Path
) -> None:
    """The same reference, other bytes; and a ring that has lost the key."""
    await plant(database, vault, upstream)
    FileKeyRing.create(tmp_path / "other.json")
    for ring, reason in ((tmp_path / "other.json", "tampered"), (path, "unknown_key")):
        if ring == path:
            RingFile(path).rotate("file:main:1")
            RingFile(path).retire("file:main:1")
        for verdict in (await looked(database, ring)).values():
            assert verdict.opened == 0
            keys = verdict.kind in {"data keys", "connections", "apps"}
            assert set(verdict.refused) == {reason if keys else "unknown_key"}


async def test_it_goes_page_by_page_keeps_few_ids_and_changes_nothing(
    database: Database, vault: Vault, upstream: FakeUpstream, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "_PAGE", 4)
    monkeypatch.setattr(verify, "_NAMED", 5)
    for _ in range(9):
        await plant(database, vault, upstream)
    query = (
        "SELECT (SELECT array_agg(t::text ORDER BY id) FROM connections t),"
        " (SELECT array_agg(t::text ORDER BY id) FROM deks t), (SELECT array_agg(t::text) FROM states t)"
    )
    async with database.connection() as link:
        before = await (await link.execute(query)).fetchone()
    verdicts = await looked(database, path)
    assert {kind: each.opened for kind, each in verdicts.items()} == {
        kind: 9 * count if kind != "data keys" else 19 for kind, count in EVERYTHING.items()
    }
    async with database.connection() as link:
        assert before == await (await link.execute(query)).fetchone()
    await run(database, "UPDATE connections SET body = ''")
    broken = (await looked(database, path))["connections"]
    assert (broken.opened, broken.refused, len(broken.ids)) == (0, {"malformed": 9}, 5)


async def test_an_empty_database_has_nothing_that_does_not_open(database: Database, path: Path) -> None:
    verdicts: Any = await looked(database, path)
    assert {kind: (each.opened, each.refused) for kind, each in verdicts.items()} == dict.fromkeys(
        SEALED, (0, {})
    )
    async with database.connection() as link:
        row = await (await link.execute("SELECT count(*) FROM deks")).fetchone()
    assert row == (0,), "it made the operator's key"
