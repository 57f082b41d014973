"""The audit of a Valet as people run it: written while it works, over an end in order and one by kill -9."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.support.emulator import EmulatorProcess
from tests.support.valet import ValetProcess
from valet.embedded import connection_urls


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def demo(emulator: EmulatorProcess) -> Iterator[ValetProcess]:
    """One that somebody has used: signed in, allowed a chat, connected, played."""
    with ValetProcess(VALET_EMULATOR_ORIGIN=emulator.origin) as valet:
        assert valet.run("try").returncode == 0
        yield valet


def query(valet: ValetProcess, statement: str) -> list[Any]:
    urls = connection_urls(valet.data / "demo")
    assert urls is not None
    with psycopg.connect(urls.owner.get_secret_value()) as link:
        done = link.execute(statement.encode())
        return done.fetchall() if done.description else []


def events(valet: ValetProcess) -> list[str]:
    return [event for (event,) in query(valet, "SELECT event FROM audit ORDER BY seq")]


def verdict(valet: ValetProcess, *more: str) -> dict[str, Any]:
    ran = valet.run("audit", "verify", "--json", *more)
    said: dict[str, Any] = json.loads(ran.stdout)
    assert ran.returncode == (0 if said["sound"] else 1), ran.stderr
    return said


def test_what_people_and_their_chats_do_stands_there(demo: ValetProcess) -> None:
    written = events(demo)
    for event in ("worker_started", "link_made", "signed_in", "chat_allowed", "tokens_issued", "connected"):
        assert event in written, event
    rows = query(
        demo, "SELECT tool, outcome, provider, person, client, address FROM audit WHERE tool IS NOT NULL"
    )
    assert ("spotify_play", "ok", "spotify") in {row[:3] for row in rows}
    assert all(len(name) == 16 for row in rows for name in row[3:])
    [(people,)] = query(demo, "SELECT count(DISTINCT person) FROM audit WHERE person IS NOT NULL")
    assert people == 1, "one person is called the same by all"
    said = verdict(demo)
    assert said["sound"] and said["faults"] == [] and len(said["open"]) == 1
    assert (said["lost"], said["pruned"]) == (0, 0)


def test_a_kill_loses_a_moment_and_is_no_fault_and_an_end_in_order_loses_nothing(demo: ValetProcess) -> None:
    open_before = len(verdict(demo)["open"])
    before = query(demo, "SELECT worker, batch, position, mac FROM audit")
    assert demo.run("try").returncode == 0
    process = demo._process
    assert process is not None
    process.kill()
    process.wait(30)
    assert process.stdout is not None
    process.stdout.close()
    demo._process = None
    demo.start()
    after = query(demo, "SELECT worker, batch, position, mac FROM audit")
    assert set(before) < set(after), "all that was there is there, and more"
    said = verdict(demo)
    assert said["sound"] and len(said["open"]) == open_before + 1, "the killed one, and the one that runs"
    ran = demo.run("audit", "verify")
    assert ran.returncode == 0 and "it runs, or was killed" in ran.stdout

    [(calls,)] = query(demo, "SELECT count(*) FROM audit WHERE event = 'tool_called'")
    assert demo.run("try").returncode == 0
    assert demo.stop(signal.SIGTERM) == 0
    head = demo.logs.read_text().rpartition("audit_head")[2].split("head=")[1].split()[0]
    demo.start()
    assert query(demo, "SELECT count(*) FROM audit WHERE event = 'tool_called'") > [(calls,)]
    said = verdict(demo, "--head", head)
    assert said["sound"] and len(said["open"]) == open_before + 1
    wrong = head[:-1] + ("0" if head[-1] != "0" else "1")
    assert not verdict(demo, "--head", wrong)["sound"]
    assert demo.run("audit", "verify", "--head", "nonsense").returncode == 2
