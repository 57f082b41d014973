"""A Valet with which all is well, by every examination and by the command."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support import warm
from tests.support.doors import run
from tests.valet.doctor.conftest import CANARIES, Site, look, only
from valet.doctor.chart import EXAMINATIONS


def doctor(site: Site, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {**site.environment, **changes, "HOME": os.environ["HOME"]}
    ran = warm.run(["-m", "valet", "doctor", *arguments], cwd=site.folder, env=environment)
    assert not any(canary in ran.stdout + ran.stderr for canary in CANARIES)
    return ran


def test_where_all_is_well_nothing_needs_to_be_done(site: Site) -> None:
    found = look(site)
    troubles = [each for several in found.values() for each in several if each.level in {"warning", "fault"}]
    assert troubles == []
    silent = {"certificate", "disk"}  # the address is http, and the database is not our own
    assert set(found) == {each.name for each in EXAMINATIONS} - silent
    assert "is this Valet" in found["address"][0].text
    assert "9 documents" in found["documents"][0].text
    assert "knows the app" in found["apps"][0].text
    emulated = only(found["settings"], "note").text
    assert emulated == f"upstreams are emulated at {site.environment['VALET_EMULATOR_ORIGIN']}"
    backup = only(found["key ring"], "note")
    assert "is backed up apart from the database" in backup.text and backup.fix == "valet keys backup PATH"
    assert only(found["connections"], "note").text == "nobody has connected anything yet"
    assert "mcp_server+connect" in found["processes"][0].text


def test_the_command_says_so_and_ends_with_0(site: Site) -> None:
    ran = doctor(site)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "no faults, no warnings" in ran.stdout and "is this Valet" in ran.stdout


def test_the_command_tells_a_script_and_ends_with_2_for_a_fault(site: Site) -> None:
    ran = doctor(site, "--json", PUBLIC_URL="http://127.0.0.1:1")
    told = json.loads(ran.stdout)
    assert ran.returncode == told["status"] == 2
    worst = [each for each in told["findings"] if each["level"] == "fault"]
    assert {"processes", "address"} <= {each["about"] for each in worst}
    assert all(each["fix"] for each in worst)


def test_settings_that_nothing_starts_on_are_all_told(site: Site) -> None:
    ran = doctor(site, "--json", PUBLIC_URL="http://valet.example.org", VALET_PORT="no")
    told = json.loads(ran.stdout)
    assert ran.returncode == 2
    assert {each["about"] for each in told["findings"]} == {"settings"}
    ran = doctor(site, PUBLIC_URL="http://valet.example.org", VALET_KEYRING="awskms:nonsense")
    assert ran.returncode == 2 and "use https" in ran.stdout and "VALET_KEYRING" in ran.stdout


@pytest.mark.parametrize("demo", [[], ["--demo"]], ids=["serve", "demo"])
def test_before_anything_was_started_there_is_nothing_to_mend(demo: list[str], tmp_path: Path) -> None:
    ran = run("doctor", "--json", *demo, given={"VALET_DATA_DIR": str(tmp_path / "data")}, folder=tmp_path)
    told = json.loads(ran.stdout)
    assert ran.returncode == 0, told
    assert any(each["text"] == "nothing is here yet" for each in told["findings"])
    assert not (tmp_path / "data").exists()
