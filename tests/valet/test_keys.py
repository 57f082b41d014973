"""`valet keys` as an operator types it: the guide, command by command, and what is refused."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
import structlog
import typer
from typer.testing import CliRunner

from tests.support.emulator import EmulatorProcess
from tests.support.valet import ROOT, ValetProcess
from valet.cli import app
from valet.embedded import connection_urls
from vault.custody import Custodian
from vault.rings.file import FileKeyRing

GUIDE = ROOT / "docs" / "keys.md"
ONE, TWO = "file:main:1", "file:main:2"


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def demo(emulator: EmulatorProcess) -> Iterator[ValetProcess]:
    """A demo that runs, in which somebody connected an account."""
    with ValetProcess(VALET_EMULATOR_ORIGIN=emulator.origin) as demo:
        assert demo.run("try").returncode == 0
        yield demo


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The commands run in this process, each as if it were its own: what they set up goes with them.

    What can't be undone is left to tests/valet/test_hardening.py.
    """
    monkeypatch.setattr("valet.cli.harden", lambda: None)
    root, configured = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**configured)
    root.handlers[:], root.level = handlers, level


def keys(valet: ValetProcess, *words: str, status: int = 0) -> str:
    """What `valet keys` prints; of a refusal what it says on stderr."""
    with patch.dict(os.environ, valet.environment, clear=True), contextlib.chdir(valet.folder):
        ran = CliRunner().invoke(app, ["keys", *words, "--demo"])
    assert ran.exit_code == status, ran.output
    assert ran.exception is None or isinstance(ran.exception, SystemExit)
    return ran.stdout if status in {0, 1} else ran.stderr


def told(valet: ValetProcess, *words: str, status: int = 0) -> Any:
    return json.loads(keys(valet, *words, "--json", status=status))


def commands() -> list[list[str]]:
    """What stands in the guide's blocks of commands, in order."""
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S)
    return [line.split() for block in blocks for line in block.splitlines()]


def test_the_guide_works_as_it_stands(demo: ValetProcess) -> None:
    """Every command, in order, on a Valet that serves; afterwards nothing needs connecting again."""
    seen = set()
    before = told(demo, "status")
    assert (before["active"], before["belongs"], before["rewrap_due"]) == (ONE, True, 0)
    for program, room, name, *rest in commands():
        assert (program, room) == ("valet", "keys")
        said = keys(demo, name, *(word.replace("/mnt/safe", str(demo.folder)) for word in rest))
        seen.add(name)
        if name == "backup":
            check = told(demo, "status")["keys"][0]["check"]
            assert f"check {check}" in said
        if name == "verify":
            assert said.endswith("everything opens\n")
    assert seen == set(typer.main.get_command(app).commands["keys"].commands)  # type: ignore[attr-defined]
    after = told(demo, "status")
    assert after["active"] == "file:main:3"
    assert [each["ref"] for each in after["keys"]] == ["file:main:3", TWO]
    assert (after["unknown"], after["belongs"]) == ([], True)
    keys(demo, "rewrap")
    keys(demo, "retire", TWO, "--yes")
    ran = demo.run("try")
    assert ran.returncode == 0
    assert "not connected" not in ran.stdout
    assert told(demo, "status")["rewrap_due"] == 0


def test_the_guide_explains_every_command_and_shows_what_is_printed(demo: ValetProcess) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    shown = re.search(r"```\nkey ring .*?\n(.*?)\n```", text, re.S)
    assert shown is not None
    shape = [
        re.sub(r"\s+", " ", re.sub(r"[\d]+", "0", line.split("  check")[0])) for line in shown[1].splitlines()
    ]
    now = keys(demo, "status").splitlines()[1:]
    for line in now:
        plain = re.sub(r"\s+", " ", re.sub(r"[\d]+", "0", line.split("  check")[0]))
        assert plain in shape or plain == "re-wrap not due", line
    kinds = re.findall(r"^(\w[\w ]*?) +\d+ opened$", text, re.M)
    assert kinds == [each["kind"] for each in told(demo, "verify")["kinds"]]


def test_the_ring_and_what_does_not_open_are_told_without_content(demo: ValetProcess) -> None:
    """A superuser edits rows: verify names how many and of which class, and ends with status 1."""
    urls = connection_urls(demo.data / "demo")
    assert urls is not None
    with psycopg.connect(urls.owner.get_secret_value(), autocommit=True) as link:
        row = link.execute("SELECT id, label, body FROM connections WHERE body IS NOT NULL").fetchone()
        assert row is not None
        connection, label, body = row
        link.execute("UPDATE connections SET body = substr(body, 1, 100) WHERE id = %s", (connection,))
        try:
            said = keys(demo, "verify", status=1)
            kinds = {each["kind"]: each for each in told(demo, "verify", status=1)["kinds"]}
        finally:
            link.execute("UPDATE connections SET body = %s WHERE id = %s", (body, connection))
    assert re.search(r"^connections +0 opened, 1 \(1 tampered\) did not\n  " + str(connection), said, re.M)
    assert said.endswith("1 records do not open\n")
    assert label not in said
    assert kinds["connections"] == {
        "kind": "connections", "opened": 0, "refused": {"tampered": 1}, "ids": [str(connection)],
    }  # fmt: skip
    assert told(demo, "verify")["whole"] is True


def test_another_ring_is_recognised(demo: ValetProcess) -> None:
    """As after a restore of the wrong backup: the references may be the same, the keys are not."""
    other = demo.folder / "other"
    stranger = ValetProcess(VALET_DATA_DIR=str(other), VALET_KEYRING=str(demo.folder / "other.json"))
    try:
        keys(stranger, "init")
        told_ = told(demo, "status", "--ring", str(demo.folder / "other.json"))
        assert told_["belongs"] is False
        assert "does not open this database" in keys(
            demo, "status", "--ring", str(demo.folder / "other.json")
        )
        refused = told(demo, "verify", "--ring", str(demo.folder / "other.json"), status=1)
        assert sum(each["opened"] for each in refused["kinds"]) == 0
    finally:
        stranger.close()


def test_a_key_is_not_retired_on_the_word_of_another_database(
    demo: ValetProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One that was not sealed with the ring names none of its keys, and says nothing about them."""
    ring = tmp_path / "other.json"
    with monkeypatch.context() as elsewhere:
        elsewhere.setitem(demo.environment_more, "VALET_KEYRING", str(ring))
        FileKeyRing.create(ring)
        for _ in range(9):  # numbers that the demo's own ring has not come to
            keys(demo, "rotate")
        before = ring.read_bytes()
        assert "does not open this database" in keys(demo, "retire", "file:main:9", "--yes", status=2)
        assert ring.read_bytes() == before


def test_activating_what_is_active_changes_nothing(demo: ValetProcess) -> None:
    ring = demo.data / "demo" / "keyring.json"
    before, active = ring.read_bytes(), told(demo, "status")["active"]
    assert keys(demo, "rotate", "--activate", active) == f"{active} wraps already; nothing was changed\n"
    assert ring.read_bytes() == before


def test_what_does_not_fit_is_a_sentence_and_changes_nothing(demo: ValetProcess) -> None:
    ring = demo.data / "demo" / "keyring.json"
    before, active = ring.read_bytes(), told(demo, "status")["active"]
    assert "is the active key. Rotate first" in keys(demo, "retire", active, status=2)
    assert "holds no key file:main:99" in keys(demo, "retire", "file:main:99", status=2)
    assert "holds no key file:main:99" in keys(demo, "rotate", "--activate", "file:main:99", status=2)
    assert "two steps" in keys(demo, "rotate", "--add", "--activate", active, status=2)
    taken = demo.folder / "taken.json"
    taken.write_text("kept")
    assert "overwrites nothing" in keys(demo, "backup", str(taken), status=2)
    assert taken.read_text() == "kept"
    inside = demo.data / "demo" / "postgres" / "ring.json"
    assert "a copy of both" in keys(demo, "backup", str(inside), status=2)
    assert not inside.exists()
    assert "cannot be opened" in keys(demo, "status", "--ring", str(demo.folder / "none.json"), status=2)
    assert ring.read_bytes() == before


def test_a_key_that_is_needed_is_not_retired(demo: ValetProcess) -> None:
    before = told(demo, "status")["active"]
    keys(demo, "rotate")
    assert "are wrapped under" in keys(demo, "retire", before, "--yes", status=2)
    keys(demo, "rewrap")
    asked = keys(demo, "retire", before, status=2)
    assert re.search(rf"{before} wrapped from \d+-\d+-\d+ until about \d+-\d+-\d+\. .* {before} --yes", asked)
    assert [each["ref"] for each in told(demo, "status")["keys"]][1] == before
    keys(demo, "retire", before, "--yes")
    assert len(told(demo, "status")["keys"]) == 1


def test_a_key_that_is_wrapped_under_while_it_is_retired_is_put_back(
    demo: ValetProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker on a host with an old ring saves a connection between our look and our edit."""
    before = told(demo, "status")
    active = keys(demo, "rotate").split()[0]
    keys(demo, "rewrap")
    looks = iter([0, 2])

    async def named(_: Custodian, ref: str) -> int:
        return next(looks)

    monkeypatch.setattr(Custodian, "named", named)
    assert "2 data keys are wrapped under" in keys(demo, "retire", before["active"], "--yes", status=2)
    after = told(demo, "status")
    assert [each["ref"] for each in after["keys"]] == [active, before["active"]]
    assert after["keys"][1]["check"] == before["keys"][0]["check"]


def test_ctrl_c_leaves_everything_valid_and_says_how_to_go_on(demo: ValetProcess) -> None:
    keys(demo, "rotate")
    total = told(demo, "status")["rewrap_due"]
    assert total >= 2
    process = subprocess.Popen(
        [sys.executable, "-m", "valet", "keys", "rewrap", "--rate", "0.1", "--demo"],
        cwd=demo.folder,
        env={**demo.environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests are a job in a shell's background, it is ignored and would stay so.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    assert re.fullmatch(rf"re-wrapping: 1 of {total}\n", first)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert (
        err
        == "valet: stopped; nothing is half done. 1 data keys were looked at. Go on with: valet keys rewrap\n"
    )
    assert told(demo, "status")["rewrap_due"] == total - 1
    assert told(demo, "verify")["whole"] is True
    assert told(demo, "rewrap")["rewrapped"] == total - 1


def test_a_database_that_sleeps_is_woken_for_the_command_alone(emulator: EmulatorProcess) -> None:
    """And a ring that is lost is not made anew for a database that was sealed with it."""
    valet = ValetProcess(VALET_EMULATOR_ORIGIN=emulator.origin)
    ring = valet.data / "demo" / "keyring.json"
    try:
        assert "no Valet runs here" in keys(valet, "verify", status=2)
        assert f"made the key ring {ring}" in keys(valet, "init")
        assert f"there is a key ring: {ring}" in keys(valet, "init")
        assert "nothing is sealed yet" in keys(valet, "status")
        made = ring.read_bytes()
        valet.start()
        assert ring.read_bytes() == made, "it serves with the ring that init made"
        assert valet.stop() == 0
        keys(valet, "rotate")
        assert told(valet, "rewrap") == {
            "active": TWO, "rewrapped": 1, "late": 0, "left": 0, "refused": {},
        }  # fmt: skip
        assert keys(valet, "verify").endswith("everything opens\n")
        assert connection_urls(valet.data / "demo") is None, "it was left running"
        ring.rename(valet.folder / "away.json")
        assert "was sealed with it. Restore it" in keys(valet, "init", status=2)
        assert not ring.exists()
    finally:
        valet.close()


def test_what_a_key_service_does_is_not_done_to_a_file(tmp_path: Path) -> None:
    arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    asleep = ValetProcess(VALET_KEYRING=f"awskms:{arn}")
    try:
        for words in (["init"], ["backup", str(tmp_path / "copy.json")], ["retire", ONE]):
            assert f"the keys of awskms:{arn} are the key service's" in keys(asleep, *words, status=2)
        asleep.environment_more["VALET_KEYRING"] += f",file:{tmp_path / 'ring.json'}"
        assert keys(asleep, "init").startswith("made the key ring")
        assert "rotate the key there" in keys(asleep, "rotate", status=2)
        keys(asleep, "backup", str(tmp_path / "copy.json"))
        assert (tmp_path / "copy.json").read_bytes() == (tmp_path / "ring.json").read_bytes()
    finally:
        asleep.close()
