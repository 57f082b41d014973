"""The bytes under a MAC, and the names: frozen, for a row of today is checked by every later release."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vault.audit.keeper import Keys
from vault.audit.names import Names
from vault.audit.row import FIRST, Head, Row, mac_of
from vault.purposes import CALLED

KEY = bytes(range(32))
AT = datetime(2026, 11, 28, 10, 0, 0, 123456, tzinfo=UTC)
FULL = Row(
    worker=UUID(int=1), batch=2, position=3, size=4, at=AT, event="tool_called", outcome="ok",
    person=b"p" * 16, client=b"c" * 16, address=b"a" * 16, tool="spotify_play", provider="spotify",
    detail="d", times=5, lost=6, seen=Head(UUID(int=7), 8, b"m" * 32),
)  # fmt: skip
BARE = Row(UUID(int=1), 1, 1, 1, AT, "worker_started", "ok")


def spelled(*fields: bytes | None) -> bytes:
    """The fields as docs and vault/audit/row.py say them."""
    return b"".join(
        b"\xff\xff\xff\xff" if field is None else len(field).to_bytes(4, "big") + field for field in fields
    )


def test_the_bytes_are_the_ones_that_are_said() -> None:
    micros = int(AT.timestamp()) * 1_000_000 + 123456
    assert FULL.canonical(b"b" * 32) == spelled(
        b"valet.audit.v1", UUID(int=1).bytes, (2).to_bytes(8, "big"), (3).to_bytes(4, "big"),
        (4).to_bytes(4, "big"), micros.to_bytes(8, "big"), b"tool_called", b"ok", b"p" * 16, b"c" * 16,
        b"a" * 16, b"spotify_play", b"spotify", b"d", (5).to_bytes(4, "big"), (6).to_bytes(4, "big"),
        UUID(int=7).bytes, (8).to_bytes(8, "big"), b"m" * 32, b"b" * 32,
    )  # fmt: skip
    assert BARE.canonical(FIRST).count(b"\xff\xff\xff\xff") == 9


def test_macs_and_names_are_frozen() -> None:
    assert mac_of(KEY, FULL, b"b" * 32).hex() == FROZEN["full"]
    assert mac_of(KEY, BARE, FIRST).hex() == FROZEN["bare"]
    assert mac_of(KEY, FULL, FIRST) == hmac.new(KEY, FULL.canonical(FIRST), hashlib.sha256).digest()
    names = Names(None, Keys())  # type: ignore[arg-type] # it asks no database for these
    assert names.person(UUID(int=9), KEY).hex() == FROZEN["person"]
    assert (names.client("client", KEY) or b"").hex() == FROZEN["client"]
    assert (names.address("192.0.2.1", KEY, AT) or b"").hex() == FROZEN["address"]
    assert (names.address("192.0.2.1", None, AT) or b"").hex() == FROZEN["nobodys"]


def test_the_keys_are_frozen_too() -> None:
    """Made by the parts of tests/vectors/generate.py: the key of all MACs, and a sealed key of a person."""
    assert Keys().derive("audit").hex() == FROZEN["audit"]
    assert Keys().open(CALLED, UUID(int=9), bytes.fromhex(FROZEN["sealed"])) == KEY


def test_the_same_moment_is_the_same_bytes_wherever_it_is_read() -> None:
    elsewhere = replace(FULL, at=AT.astimezone(timezone(timedelta(hours=5, minutes=30))))
    assert elsewhere.canonical(FIRST) == FULL.canonical(FIRST)


OTHERS: dict[str, Any] = {
    "worker": UUID(int=2), "batch": 3, "position": 4, "size": 5, "at": AT + timedelta(microseconds=1),
    "event": "refresh", "outcome": "no", "person": None, "client": b"", "address": b"a" * 15, "tool": None,
    "provider": "", "detail": "dd", "times": 6, "lost": 7, "seen": None,
}  # fmt: skip


@pytest.mark.parametrize("field", OTHERS)
def test_every_field_is_under_the_mac(field: str) -> None:
    assert set(OTHERS) == set(Row.__dataclass_fields__) - {"mac"}
    assert mac_of(KEY, replace(FULL, **{field: OTHERS[field]}), FIRST) != mac_of(KEY, FULL, FIRST)


def test_the_row_before_is_under_the_mac() -> None:
    assert mac_of(KEY, FULL, FIRST) != mac_of(KEY, FULL, b"\1" + FIRST[1:])


words = st.none() | st.text(max_size=4)
names_ = st.none() | st.binary(max_size=3)


@given(
    st.tuples(names_, names_, names_, words, words, words),
    st.tuples(names_, names_, names_, words, words, words),
)
def test_no_two_rows_have_the_same_bytes(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    fields = ("person", "client", "address", "tool", "provider", "detail")
    first, second = (replace(BARE, **dict(zip(fields, each, strict=True))) for each in (one, other))
    assert (first.canonical(FIRST) == second.canonical(FIRST)) == (one == other)


FROZEN = {
    "full": "05af4f98bdfabfa3d5f4f07650f6c4a38f44d170a05acacf282347f96b2a958e",
    "bare": "e44c90f56b3dd8a534493425aef9b9fa3daa3c6e056edc0338eaf27b6a91893e",
    "person": "787481a771a2d49cdd4bf09eb27eb4c9",
    "client": "75ec049708d3b210f9d9cfe492b541ba",
    "address": "39c7e995f8feab5c59e3e7002692aae6",
    "nobodys": "5366b278e8e7fa451f563c59dbb7cdd8",
    "audit": "e3a72009a68978523283bb5d56cefc60f4bc4a5b93c865e0915f0f47ab3b03f5",
    "sealed": (
        "564c540101000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0634f5"
        "d646442b0abaca3ff14474a626b045a0a80e9c81b7f659de691ba5cda01d23b71a056ec254e4e919"
        "27c4b589a07ebdced1cebbadd51a8792c7b42cad0b8cf86db7a915fe7111034278b4704dc1"
    ),
}
