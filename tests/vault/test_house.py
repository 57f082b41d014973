"""Golden vectors of a whole house: ring files, and a database as releases wrote it, which opens for ever.

The file is frozen, as envelope-v1.json is. If one of these tests fails, something that rests in people's
databases would not open any more: read the old as before, and give what is new a name, a format or a file of
its own.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.vault.upstreams import FakeUpstream, access, run
from vault import envelope, keyring
from vault.ids import operator_id
from vault.purposes import SUCCESSOR
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.vault import Vault, open_vault

FOLDER = Path(__file__).parents[1] / "vectors"
FILE = FOLDER / "house-v1.json"
FROZEN = "90dfd94fcbda9f1cf1377f5fda796e37dd1546eefa974c6ba39fc3d6df082228"
VECTORS = json.loads(FILE.read_text(encoding="utf-8"))
RECORDS = {record["context"]["purpose"]: record for record in VECTORS["records"]}
ANA = UUID(RECORDS["connection.tokens"]["context"]["owner"])
YOUNGER = {"audit", "audit-key", "audit-names"}
"""Purposes that are younger than the file: tests/vault/audit/test_row.py freezes what they make."""
BRIEF = {"approval-handle", "approval-mark", "call-preview", "probe", "transfer"}
"""So are these; what they make rests for a quarter of an hour at most, and is asked for again."""


def each(section: str) -> pytest.MarkDecorator:
    rows = VECTORS[section]
    return pytest.mark.parametrize("row", rows, ids=[row["name"] for row in rows])


def place(row: dict[str, Any]) -> envelope.Context:
    where = row["context"]
    return envelope.Context(UUID(where["owner"]), where["purpose"], UUID(where["record"]), where["version"])


def test_the_file_is_the_frozen_one() -> None:
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == FROZEN


def test_the_generator_still_writes_the_file() -> None:
    spec = importlib.util.spec_from_file_location("generate_house", FOLDER / "house.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.document() == FILE.read_text(encoding="utf-8")


@each("refuse")
def test_contexts_of_another_shape_are_refused(row: dict[str, Any]) -> None:
    with pytest.raises(envelope.EnvelopeError) as caught:
        envelope.open_sealed(bytes.fromhex(row["dek"]), place(row), bytes.fromhex(row["sealed"]))
    assert caught.type.__name__ == row["error"]


@each("files")
def test_ring_files_are_read_or_refused(row: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    path.touch()
    path.chmod(int(row["mode"], 8))
    path.write_text(row["file"], encoding="utf-8")
    if "error" not in row:
        assert FileKeyRing(path).active == json.loads(row["file"])["active"]
        return
    with pytest.raises(keyring.KeyRingError) as caught:
        FileKeyRing(path)
    assert caught.type.__name__ == row["error"]


def test_every_failure_has_a_vector() -> None:
    """But for those of a key service, which answers for itself, and of an edit that is not made."""
    first = json.loads((FOLDER / "envelope-v1.json").read_text(encoding="utf-8"))
    seen = {row["error"] for rows in (first["refuse"], VECTORS["refuse"]) for row in rows}
    assert seen == {cls.__name__ for cls in _below(envelope.EnvelopeError)}
    seen = {row["error"] for rows in (first["reject"], VECTORS["files"]) for row in rows if "error" in row}
    assert seen == {cls.__name__ for cls in _below(keyring.KeyRingError)} - {"Away", "NotEdited"}


def _below(base: type) -> set[type]:
    return {found for cls in base.__subclasses__() for found in {cls, *_below(cls)}}


# --- the records of a database --------------------------------------------------------------------


@pytest.fixture
async def house(empty_database: Database, upstream: FakeUpstream, tmp_path: Path) -> Vault:
    """A worker of this release over a database of that one."""
    path = tmp_path / "ring.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(VECTORS["ring"]), encoding="utf-8")
    index = bytes.fromhex(VECTORS["derived"]["index"]["value"])
    tokens, app = RECORDS["connection.tokens"], RECORDS["app.secret"]
    keys = {row["purpose"]: row["id"] for row in VECTORS["deks"]}
    await run(empty_database, "INSERT INTO users (id, display_name) VALUES (%s, 'Ana')", ANA)
    for row in VECTORS["deks"]:
        await run(
            empty_database,
            "INSERT INTO deks (id, owner, purpose, kek_ref, wrapped) VALUES (%s, %s, %s, %s, %s)",
            *(row[name] for name in ("id", "owner", "purpose", "kek_ref")),
            bytes.fromhex(row["wrapped"]),
        )
    await run(
        empty_database,
        "INSERT INTO connections (id, owner, provider, account_index, account_label, app, label, is_default,"
        " scopes, status, dek_id, body, secret_version, access_expires_at)"
        " VALUES (%s, %s, 'spotify', %s, 'Ana', 'operator', 'Ana', true, '{}', 'active', %s, %s, %s,"
        " now() + interval '1 hour')",
        tokens["context"]["record"],
        ANA,
        index,
        keys["connection"],
        bytes.fromhex(tokens["sealed"]),
        tokens["context"]["version"],
    )
    await run(
        empty_database,
        "INSERT INTO apps (id, owner, user_id, provider, client_id, label, has_secret, dek_id, body)"
        " VALUES (%s, %s, %s, 'google', 'golden', 'Mine', true, %s, %s)",
        app["context"]["record"],
        ANA,
        ANA,
        keys["app"],
        bytes.fromhex(app["sealed"]),
    )
    return await open_vault(empty_database, FileKeyRing(path), upstream)


async def test_all_of_it_opens(house: Vault) -> None:
    assert access(await house.credential(ANA, "spotify")) == "golden-access"
    app = await house.apps.of(ANA, "google")
    assert app is not None
    assert app.client_secret is not None
    assert (app.client_id, app.client_secret.get_secret_value()) == ("golden", "golden-s")
    small = [record for record in RECORDS.values() if record["under"] == "operator"]
    assert len(small) == 5
    for record in small:
        purpose, row = record["context"]["purpose"], UUID(record["context"]["record"])
        assert record["context"]["owner"] == str(operator_id())
        assert house.open(purpose, row, bytes.fromhex(record["sealed"])).decode() == record["holds"]
    # Else handles in links, open forms, and every way in and account would be strangers' at once.
    derived = VECTORS["derived"]
    assert {purpose: house.derive(purpose).hex() for purpose in derived["keys"]} == derived["keys"]
    index = derived["index"]
    assert house.index(index["issuer"], index["subject"]).hex() == index["value"]


async def test_a_connection_of_then_is_refreshed(house: Vault, upstream: FakeUpstream) -> None:
    upstream.live.add("golden-refresh")
    version = RECORDS["connection.tokens"]["context"]["version"]
    fresh = await house.credential(ANA, "spotify", refused=version)
    assert (upstream.calls, fresh.version) == (["golden-refresh"], version + 1)
    assert access(fresh) == access(await house.credential(ANA, "spotify"))


def test_every_purpose_has_a_vector() -> None:
    said = (Path(__file__).parents[2] / "docs/storage.md").read_text(encoding="utf-8")
    table = said.partition("## Purposes")[2].partition("\n## ")[0]
    purposes = set(re.findall(r"^\| `([\w.-]+)` \|", table, re.M))
    assert purposes == {*RECORDS, *VECTORS["derived"]["keys"]} | YOUNGER | BRIEF
    assert SUCCESSOR in RECORDS
