"""docs/storage.md is held to a migrated database, to the bytes in it, and to the code that writes them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from vault import envelope, keyring, purposes
from vault.envelope import Context
from vault.rings.file import FileKeyRing
from vault.verify import SEALED

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/storage.md").read_text(encoding="utf-8")
ROOMS = ("valet", "mcp_server", "connect", "vault", "providers")
SHORT = {"timestamp with time zone": "timestamptz"}

# What a class may be made of: whatever else is plain, bytes of ours must say what they are.
TYPES = {
    "SHA-256": {"bytea"},
    "keyed hash": {"bytea", "bytea[]"},
    "pseudonym": {"bytea"},
    "envelope": {"bytea"},
    "wrapped key": {"bytea"},
}


def section(title: str) -> str:
    """The text under a heading of the second level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert found is not None, title
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, without headings."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    ruled = [number for number, row in enumerate(cells) if set("".join(row)) <= set("-")]
    headings = {number - 1 for number in ruled} | set(ruled)
    return [row for number, row in enumerate(cells) if number not in headings]


def columns() -> dict[tuple[str, str], tuple[str, str]]:
    """(table, column) → (type, class), as the page says."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for part in section("Tables").split("\n### ")[1:]:
        title, _, rest = part.partition("\n")
        for column, kind, what, klass in rows(rest):
            key = (title.strip("`"), column.strip("`"))
            assert key not in found, f"{key} stands twice"
            assert what, key
            found[key] = (kind.strip("`"), klass)
    return found


def test_it_has_every_table_and_column_and_no_other(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as link:
        there = link.execute(
            "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a"
            " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'"
            " AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped"
        ).fetchall()
    said = {f"{table}.{column}": kind for (table, column), (kind, _) in columns().items()}
    assert len(there) > 150
    assert {f"{table}.{column}": SHORT.get(kind, kind) for table, column, kind in there} == said


def test_every_class_is_explained_and_bytes_are_plain_only_where_they_are_public() -> None:
    explained = {klass for klass, *_ in rows(PAGE.partition("\n## ")[0])}
    assert explained >= {"plain", *{klass for _, klass in columns().values()}}
    for key, (kind, klass) in columns().items():
        assert kind in TYPES.get(klass, {kind}), key
        if klass == "plain":
            assert not kind.startswith("bytea") or key == ("schema_migrations", "checksum"), key


# --- bytes ----------------------------------------------------------------------------------------


def test_the_envelope_has_the_bytes_that_are_said() -> None:
    table = section("The envelope, byte by byte").partition("```")[0]
    said = [(offset, size) for offset, size, _ in rows(table)]
    salt, commitment, body = envelope._SALT, envelope._COMMITMENT, envelope._BODY
    assert said == [
        ("0", str(len(envelope._MAGIC))),
        (str(len(envelope._MAGIC)), str(len(envelope._FORMAT))),
        (str(len(envelope._MAGIC + envelope._FORMAT)), str(len(envelope._SUITE))),
        (str(salt.start), str(salt.stop - salt.start)),
        (str(commitment.start), str(commitment.stop - commitment.start)),
        (str(body.start), "n"),
        (f"{body.start} + n", str(envelope._TAG)),
    ]
    contents = " ".join(row[2] for row in rows(table))
    assert f"`{envelope._MAGIC.decode()}`" in contents
    assert f"`0x{envelope._FORMAT.hex()}`" in contents
    assert f"`0x{envelope._SUITE.hex()}`: HKDF-SHA512, AES-256-GCM, 32-byte key commitment" in contents
    overhead = len(envelope.seal(bytes(32), Context(UUID(int=1), "x", UUID(int=2), 3), b""))
    assert f"{overhead} bytes longer" in section("The envelope, byte by byte")
    assert overhead == body.start + envelope._TAG
    assert list(envelope._OPENERS) == [envelope._MAGIC + envelope._FORMAT + envelope._SUITE]


def test_the_context_has_the_fields_that_are_said() -> None:
    table = section("The envelope, byte by byte").rpartition("```")[2]
    said = [(name, size) for name, size, _ in rows(table)]
    encoded = Context(UUID(int=1), "purpose", UUID(int=2), 3).encode()
    names, found = ["format", "suite", "owner", "purpose", "record", "version"], []
    for name in names:
        size = int.from_bytes(encoded[:4], "big")
        found.append((name, "n" if name == "purpose" else str(size)))
        encoded = encoded[4 + size :]
    assert encoded == b""
    assert said == found


def sizes(text: str) -> list[tuple[int, int]]:
    return [(int(offset), int(size)) for offset, size, _ in rows(text)]


async def test_the_wrapped_key_has_the_bytes_that_are_said(tmp_path: Path) -> None:
    text = section("The wrapped data key, byte by byte")
    said = sizes(text)
    assert said[0][0] == 0
    assert all(a + b == c for (a, b), (c, _) in pairwise(said))
    ring = FileKeyRing.create(tmp_path / "ring.json")
    place = keyring.wrap_context(UUID(int=1), "connection", UUID(int=2))
    _, blob = await ring.wrap(bytes(32), place)
    assert f"({len(blob)} bytes)" in text
    assert len(blob) == sum(said[-1])
    assert f"`0x{blob[:1].hex()}`" in text
    assert b"valet.dek.v1" in place
    assert "`valet.dek.v1`" in text
    assert "`valet.wrap.v1`" in text


def test_the_key_ring_file_is_like_the_one_that_is_said(tmp_path: Path) -> None:
    found = re.search(r"```json\n(.*?)```", section("The key ring file"), re.S)
    assert found is not None
    said = json.loads(found[1])
    path = tmp_path / "ring.json"
    FileKeyRing.create(path)
    made = json.loads(path.read_text(encoding="utf-8"))
    assert said.keys() == made.keys()
    assert said["format"] == made["format"]
    for entry in said["keys"].values():
        assert entry.keys() == made["keys"][made["active"]].keys()
        entry["key"] = made["keys"][made["active"]]["key"]
    # With keys of the right size in it, it is a ring.
    path.write_text(json.dumps(said), encoding="utf-8")
    assert FileKeyRing(path).active == said["active"]


# --- purposes -------------------------------------------------------------------------------------

KEEPERS = {"vault", "_vault", "operator", "_operator"}


def given(tree: ast.Module) -> Iterator[str]:
    """Every purpose that a module seals or derives a key with."""
    constants = {name: value for name, value in vars(purposes).items() if isinstance(value, str)} | {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        what = _purpose(call)
        if isinstance(what, ast.Constant) and isinstance(what.value, str):
            yield what.value
        elif isinstance(what, ast.Name) and what.id in constants:
            yield str(constants[what.id])
        # A function that hands on its own parameter: its callers are looked at instead.
        elif what is not None and not (isinstance(what, ast.Name) and what.id == "purpose"):
            raise AssertionError(f"line {call.lineno}: which purpose?")


def _purpose(call: ast.Call) -> ast.expr | None:
    """The argument that names a purpose, of a call that has one."""
    name, holder = _name(call.func), ""
    if isinstance(call.func, ast.Attribute):
        holder = _name(call.func.value)
    first = call.args[0] if call.args else None
    # One without arguments is that of contextvars or of OpenTelemetry.
    if (name == "Context" and call.args) or (name, holder) == ("derive", "envelope"):
        return call.args[1]
    if name in {"seal", "derive"} and (holder in KEEPERS or isinstance(first, ast.Constant)):
        return first
    return None


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def test_the_purposes_are_the_ones_in_the_code() -> None:
    said = [name.strip("`") for name, *_ in rows(section("Purposes"))]
    used = set()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            used |= set(given(ast.parse(path.read_text(encoding="utf-8"))))
    assert len(said) == len(set(said)) > 10
    assert set(said) == used


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('vault.derive("a")', {"a"}),
        ('envelope.derive(dek, "b")', {"b"}),
        ("self._vault.seal(_HERE, record, b'')", {"here"}),
        ("envelope.Context(owner, _HERE, record, 1)", {"here"}),
        ('house.keys().derive("c")', {"c"}),
        ("envelope.seal(dek, context, b'')", set()),
        ("HKDF(SHA512(), 32, salt, info).derive(key)", set()),
    ],
)
def test_the_walk_sees_a_purpose(line: str, found: set[str]) -> None:
    assert set(given(ast.parse(f'_HERE = "here"\n{line}'))) == found


def test_the_walk_refuses_what_it_can_not_read() -> None:
    with pytest.raises(AssertionError, match="which purpose"):
        set(given(ast.parse("vault.derive(anything())")))


def test_the_envelopes_that_purposes_name_are_the_envelopes_of_the_tables() -> None:
    named = {what for _, _, text in rows(section("Purposes")) for what in re.findall(r"`(\w+\.\w+)`", text)}
    sealed = {f"{table}.{column}" for (table, column), (_, klass) in columns().items() if klass == "envelope"}
    assert named == sealed | {"pendings.params"}
    # And they are what `valet keys verify` opens.
    assert {column for each in SEALED.values() for column in each} == named | {"deks.wrapped"}


# --- attackers ------------------------------------------------------------------------------------


def test_every_attacker_names_tests_that_exist() -> None:
    found = rows(section("What an attacker can do"))
    assert len(found) >= 8
    for holds, can, cannot, shown in found:
        assert can, holds
        assert cannot, holds
        tests = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", shown)
        assert tests, f"no test shows: {holds}"
        for file, test in tests:
            source = (ROOT / file).read_text(encoding="utf-8")
            assert re.search(rf"^(async )?def {test}\(", source, re.M), f"{file} has no {test}"
