"""What `valet keys status` makes of a ring and a database, and how long work is shown."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.valet import ROOT
from valet.bar import Bar
from valet.stock import Stock
from vault.rings.edit import MOST_WRAPS, Key
from vault.store.custody import Wrapped

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ONE, TWO = "file:main:1", "file:main:2"


def key(ref: str, state: str = "active", created: datetime | None = NOW) -> Key:
    return Key(ref, state, created, "0a1b2c3d")  # type: ignore[arg-type]


def wrapped(ref: str, purpose: str = "connection", count: int = 3, days: int = 0) -> Wrapped:
    return Wrapped(ref, purpose, count, NOW - timedelta(days=days + 1), NOW - timedelta(days=days))


def test_what_is_under_another_key_is_due_and_what_is_under_none_is_missing() -> None:
    rows = [wrapped("file:lost:7"), wrapped(ONE, days=9), wrapped(ONE, "operator", 1), wrapped(TWO)]
    stock = Stock.of("ring.json", TWO, ["file"], [key(TWO), key(ONE, "decrypt_only")], rows, True)
    assert (stock.due, stock.tired, [each.ref for each in stock.unknown]) == (7, False, ["file:lost:7"])
    said = stock.json()
    assert (said["unknown"], said["rewrap_due"], said["belongs"]) == (["file:lost:7"], 7, True)
    assert said["keys"][1] == {  # type: ignore[index]
        "ref": ONE, "state": "decrypt_only", "created": "2026-11-28T12:00:00+00:00", "check": "0a1b2c3d",
        "data_keys": {"connection": 3, "operator": 1}, "oldest": "2026-11-18T12:00:00+00:00",
        "newest": "2026-11-28T12:00:00+00:00",
    }  # fmt: skip
    assert stock.lines() == [
        "key ring  ring.json",
        "  file:main:2  active        since 2026-11-28  check 0a1b2c3d  wraps 3 data keys: 3 connection",
        "  file:main:1  decrypt only  since 2026-11-28  check 0a1b2c3d  "
        "wraps 4 data keys: 3 connection, 1 operator",
        "  file:lost:7  wraps 3 data keys: 3 connection",
        "missing   file:lost:7: restore it from a backup of the ring",
        "re-wrap   due, 7 data keys are under another key: valet keys rewrap",
        "rotation  due on 2027-11-28",
    ]  # fmt: skip


def test_a_key_from_the_end_of_time_is_listed_like_any_other() -> None:
    late = key(ONE, created=datetime(9999, 12, 1, tzinfo=UTC))
    assert Stock.of("ring.json", ONE, ["file"], [late], [], True).lines()[-1] == "rotation  once a year"


def test_a_reference_that_somebody_edited_moves_no_cursor() -> None:
    rows = [wrapped("\x1b[2Jfile:main:1\nre-wrap   not due")]
    said = Stock.of("ring.json", ONE, ["file"], [key(ONE)], rows, True).lines()
    assert all(line.isprintable() for line in said)
    assert sum("\\x1b[2Jfile:main:1\\nre-wrap" in line for line in said) == 2


def test_a_ring_that_tells_no_keys_is_not_said_to_lack_any() -> None:
    """A key service: what it can open only it knows."""
    rows = [wrapped("awskms:a"), wrapped("awskms:b", count=2)]
    stock = Stock.of("awskms:a", "awskms:a", ["awskms"], [], rows, None)
    assert (stock.unknown, stock.due, stock.tired) == ((), 2, False)
    assert stock.lines() == [
        "key ring  awskms:a",
        "  awskms:a  active        wraps 3 data keys: 3 connection",
        "  awskms:b  wraps 2 data keys: 2 connection",
        "nothing is sealed yet",
        "re-wrap   due, 2 data keys are under another key: valet keys rewrap",
        "rotation  is the key service's",
    ]


def test_of_several_kinds_of_rings_one_wraps() -> None:
    """What is active in the file only unwraps while a key service comes first; what none has is missing."""
    rows = [wrapped("awskms:a"), wrapped(ONE), wrapped(TWO, count=1)]
    stock = Stock.of("awskms:a,file:ring.json", "awskms:a", ["awskms", "file"], [key(ONE)], rows, True)
    states = {each["ref"]: each["state"] for each in stock.json()["keys"]}  # type: ignore[attr-defined]
    assert states == {"awskms:a": "active", ONE: "decrypt_only", TWO: None}
    assert (stock.due, [each.ref for each in stock.unknown]) == (4, [TWO])
    assert any(line.startswith(f"  {ONE}  decrypt only") for line in stock.lines())


@pytest.mark.parametrize(
    ("created", "count", "tired"),
    [
        (datetime.now(UTC) - timedelta(days=366), 1, True),
        (datetime.now(UTC) - timedelta(days=360), MOST_WRAPS, True),
        (datetime.now(UTC) - timedelta(days=360), MOST_WRAPS - 1, False),
        (None, 1, False),
    ],
)
def test_a_key_is_done_after_a_year_or_so_many_wraps(
    created: datetime | None, count: int, tired: bool
) -> None:
    stock = Stock.of(
        "ring.json", ONE, ["file"], [key(ONE, created=created)], [wrapped(ONE, count=count)], False
    )
    assert stock.tired is stock.json()["rotation_due"] is tired
    assert any("valet keys rotate" in line for line in stock.lines()) is tired
    assert "this ring does not open this database: put the right one there" in stock.lines()


# --- progress -------------------------------------------------------------------------------------


def test_each_tenth_is_a_line_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar("opening") as bar:
        for done in range(0, 101, 5):
            bar(done, 100)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [f"opening: {done} of 100" for done in range(10, 101, 10)]
    assert bar.done == 100


def test_nothing_to_do_is_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar("opening") as bar:
        bar(0, 0)
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_there_is_a_bar_that_follows_its_end() -> None:
    script = (
        "from valet.bar import Bar\n"
        "with Bar('opening') as bar:\n"
        "    bar(5, 10); bar(10, 20); bar(20, 20)\n"
        "print('done')\n"
    )
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs, text=True, env={**os.environ, "TERM": "xterm"},
        )  # fmt: skip
        os.close(theirs)
        out, _ = process.communicate(timeout=60)
        shown = b""
        while select.select([ours], [], [], 0)[0]:
            try:
                shown += os.read(ours, 4096)
            except OSError:  # how Linux says that the other end is closed
                break
    finally:
        os.close(ours)
    assert (process.returncode, out) == (0, "done\n")
    assert b"opening  [" in shown
    assert b"5/10" in shown
    assert b"20/20" in shown
