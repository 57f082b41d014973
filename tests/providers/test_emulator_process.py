"""The emulator as a process: faults on the wire, what it writes down, and how it lives and ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.providers import spec
from tests.support.emulator import ROOT, EmulatorProcess

ME = "/api.spotify.com/v1/me"
TOKEN = "POST accounts.spotify.com/api/token"


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def me(emulator: EmulatorProcess, token: str) -> httpx2.Response:
    return emulator.http.get(ME, headers={"authorization": f"Bearer {token}"})


# Faults


def test_status_faults_have_the_bodies_of_their_host(emulator: EmulatorProcess) -> None:
    token = emulator.access_token()
    emulator.fault("GET api.spotify.com/v1/*", kind="status", status=429, retry_after=3)
    limited = me(emulator, token)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "3")
    assert limited.json() == {"error": {"status": 429, "message": "API rate limit exceeded"}}
    assert me(emulator, token).status_code == 200

    emulator.fault("GET api*", kind="status", status=429, reason="QUOTA_EXCEEDED", retry_after=48925)
    quota = me(emulator, token).json()
    assert quota["error"] == {"status": 429, "message": "Too many requests", "reason": "QUOTA_EXCEEDED"}

    emulator.fault(TOKEN + "*", kind="status", status=503)
    assert emulator.token({"grant_type": "refresh_token"}).json()["error"] == "server_error"

    emulator.fault("GET api*", kind="status", status=403, body={"error": "odd"}, headers={"X-Odd": "1"})
    odd = me(emulator, token)
    assert (odd.json(), odd.headers["x-odd"]) == ({"error": "odd"}, "1")


def test_faults_skip_count_and_match_the_grant_type(emulator: EmulatorProcess) -> None:
    emulator.fault(f"{TOKEN} refresh_token", kind="status", status=500, skip=1, times=2)
    tokens = emulator.sign_in()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert [emulator.token(form).status_code for _ in range(4)] == [200, 500, 500, 200]
    emulator.fault("*/v1/me", kind="status", status=500, times=None)
    assert [me(emulator, tokens["access_token"]).status_code for _ in range(3)] == [500] * 3
    emulator.clear_faults()
    assert me(emulator, tokens["access_token"]).status_code == 200


def test_answers_that_cannot_be_read(emulator: EmulatorProcess) -> None:
    token = emulator.access_token()
    emulator.fault("*", kind="garbage")
    garbage = me(emulator, token)
    assert (garbage.status_code, garbage.headers["content-type"]) == (200, "text/html")
    emulator.fault("*", kind="truncated")
    with pytest.raises(json.JSONDecodeError):
        me(emulator, token).json()
    emulator.fault("*", kind="cut")
    with pytest.raises(httpx2.RemoteProtocolError, match=r"incomplete|peer closed"):
        me(emulator, token)


@pytest.mark.parametrize(
    ("kind", "error", "acted"),
    [
        ("close", httpx2.RemoteProtocolError, False),
        ("lost", httpx2.RemoteProtocolError, True),
        ("reset", httpx2.ReadError, False),
    ],
)
def test_connections_that_end_without_an_answer(
    emulator: EmulatorProcess, kind: str, error: type[Exception], acted: bool
) -> None:
    emulator.settings(rotate=True)
    form = {"grant_type": "refresh_token", "refresh_token": emulator.sign_in()["refresh_token"]}
    emulator.fault(TOKEN + "*", kind=kind)
    with pytest.raises(error):
        emulator.token(form)
    # Where the lost answer spent the token, the next try is reuse.
    assert emulator.token(form).status_code == (400 if acted else 200)
    assert emulator.requests()[-2]["status"] is None


@pytest.mark.parametrize(("kind", "acted"), [("hang", False), ("late", True)])
def test_hanging_until_released(
    emulator: EmulatorProcess, threads: ThreadPoolExecutor, kind: str, acted: bool
) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": emulator.sign_in()["refresh_token"]}
    before = len(emulator.tokens()["access"])
    emulator.fault(TOKEN + "*", kind=kind, times=2)
    waiting = [threads.submit(emulator.token, form) for _ in range(2)]
    emulator.wait_hanging(2)
    assert len(emulator.tokens()["access"]) == before + (2 if acted else 0)
    assert not any(future.done() for future in waiting)
    assert emulator.release() == 2
    assert [future.result().status_code for future in waiting] == [200, 200]
    assert len(emulator.tokens()["access"]) == before + 2


def test_hanging_until_it_is_refused(emulator: EmulatorProcess, threads: ThreadPoolExecutor) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": emulator.sign_in()["refresh_token"]}
    before = len(emulator.tokens()["access"])
    emulator.fault(TOKEN + "*", kind="hang", status=503)
    waiting = threads.submit(emulator.token, form)
    emulator.wait_hanging(1)
    emulator.release()
    assert waiting.result().status_code == 503 and len(emulator.tokens()["access"]) == before
    assert emulator.token(form).status_code == 200, "nothing was done"


def test_who_hangs_up_is_no_longer_waited_for(emulator: EmulatorProcess) -> None:
    emulator.fault("*", kind="hang")
    port = int(emulator.origin.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET {ME} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        emulator.wait_hanging(1)
    assert any(emulator.read("waiting")["waiting"] == 0 for _ in range(2000))


@pytest.mark.parametrize(
    ("name", "body", "sentence"),
    [
        ("faults", {"kind": "explode", "match": "*"}, "kind must be one of"),
        ("faults", {"kind": "hang"}, "match must be a pattern"),
        ("faults", {"kind": "hang", "match": "*", "colour": "red"}, "That is no fault"),
        ("faults", {"kind": "status", "match": "*"}, "needs a status"),
        ("settings", {"speed": 1}, "There is no setting 'speed'."),
        ("settings", {"rotate": "yes"}, "Setting 'rotate' cannot be 'yes'."),
        ("expire", {"what": "patience"}, "what must be"),
        ("clients", {"client_id": "real"}, "client_id must begin with 'emulator-'."),
        ("player", {"account": "ana", "active": "Toaster"}, "ana has no device 'Toaster'."),
    ],
)
def test_control_says_what_is_wrong(
    emulator: EmulatorProcess, name: str, body: dict[str, object], sentence: str
) -> None:
    answer = emulator.http.post(f"/_control/{name}", json=body)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


def test_control_takes_json_only(emulator: EmulatorProcess) -> None:
    answer = emulator.http.post("/_control/reset", data={"a": "b"})
    assert (answer.status_code, answer.json()) == (400, {"error": "Send application/json."})
    assert emulator.http.post("/_control/reset", json=[1]).status_code == 400
    assert emulator.http.get("/_control/nothing").status_code == 404


# What it writes down


def test_requests_and_counters(emulator: EmulatorProcess) -> None:
    token = emulator.access_token()
    track = "0" * 22
    emulator.http.get(
        f"/api.spotify.com/v1/tracks/{track}?market=PT", headers={"authorization": f"Bearer {token}"}
    )
    counters = emulator.counters()
    assert counters["calls"]["GET api.spotify.com/v1/tracks/{id}"] == 1
    assert counters["answers"]["GET api.spotify.com/v1/tracks/{id} 404"] == 1
    assert counters["calls"][f"{TOKEN} authorization_code"] == 1
    assert counters["refreshes"] == 0
    latest = emulator.requests()[-1]
    assert latest["url"] == f"https://api.spotify.com/v1/tracks/{track}?market=PT"
    assert (latest["account"], latest["status"], latest["method"]) == ("ana", 404, "GET")
    contract = spec.available()
    if contract is not None:  # what the journal keeps of a request is enough to judge it by
        contract.assert_request_valid("GET", latest["url"], latest["headers"], latest["body"])
    assert emulator.requests(after=latest["number"]) == []
    emulator.forget()
    assert emulator.counters() == {"calls": {}, "answers": {}, "refreshes": 0}


def test_the_journal_holds_no_secret(emulator: EmulatorProcess) -> None:
    tokens = emulator.sign_in()
    me(emulator, tokens["access_token"])
    emulator.token({"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]})
    written = json.dumps(emulator.requests())
    assert emulator.canaries()
    assert not [canary for canary in emulator.canaries() if canary in written]


# Life


def test_state_outlives_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "emulator.json"
    with EmulatorProcess(state) as emulator:
        tokens = emulator.sign_in(
            "user-modify-playback-state", "user-read-playback-state", "playlist-modify-private"
        )
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        emulator.http.put("/api.spotify.com/v1/me/player/pause", headers=headers)
        emulator.client("emulator-own", secret="theirs")
        emulator.settings(rotate=True)
        emulator.advance(120)
        was = emulator.playlists()[0]
        items = f"/api.spotify.com/v1/playlists/{was['id']}/items"
        gone = {"items": [{"uri": was["items"][0]["uri"]}]}
        assert emulator.http.request("DELETE", items, json=gone, headers=headers).status_code == 200
        before = emulator.player(), emulator.playlists()
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [state.name]
    with EmulatorProcess(state) as emulator:
        assert (emulator.player(), emulator.playlists()) == before
        moving = {"range_start": 2, "insert_before": 1, "snapshot_id": was["snapshot_id"]}
        assert emulator.http.put(items, json=moving, headers=headers).status_code == 200
        assert [row["name"] for row in emulator.playlists()[0]["items"][:2]] == ["So What", "Feeling Good"]
        assert emulator.http.get("/api.spotify.com/v1/me/player", headers=headers).status_code == 200
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert "refresh_token" in emulator.token(form).json()
        assert emulator.read("clock")["offset"] == 120
        assert {"id": "emulator-own", "secret": "theirs"}.items() <= emulator.read("clients")[1].items()
        emulator.kill()
    with EmulatorProcess(state) as emulator:
        assert emulator.token(form).json()["error_description"] == "Refresh token revoked"


def test_a_state_of_the_time_with_one_upstream_is_read(tmp_path: Path) -> None:
    state = tmp_path / "emulator.json"
    with EmulatorProcess(state) as emulator:
        token = emulator.access_token("user-read-playback-state")
    data = json.loads(state.read_text())
    state.write_text(json.dumps({**data, "version": 1, "spotify": data.pop("upstreams")["spotify"]}))
    with EmulatorProcess(state) as emulator:
        headers = {"authorization": f"Bearer {token}"}
        assert emulator.http.get("/api.spotify.com/v1/me/player", headers=headers).status_code == 200


def test_a_state_it_cannot_read_is_refused_with_a_sentence(tmp_path: Path) -> None:
    state = tmp_path / "emulator.json"
    state.write_text('{"version": 99}')
    ended = run("--port", "0", "--state", str(state))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"{state} is no state this emulator can read")
    assert "Traceback" not in ended.stderr


def test_a_taken_port_is_refused_with_a_sentence(emulator: EmulatorProcess) -> None:
    port = emulator.origin.rpartition(":")[2]
    ended = run("--port", port)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Cannot listen on 127.0.0.1:{port}")
    assert "Traceback" not in ended.stderr


def test_it_ends_with_its_stdin_and_ignores_ctrl_c() -> None:
    emulator = EmulatorProcess()
    emulator.start()
    os.kill(emulator.pid, signal.SIGINT)
    assert emulator.read("clock")["offset"] == 0
    emulator.fault("*", kind="hang")
    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(emulator.http.get, ME)
        emulator.wait_hanging(1)
        assert emulator.stop() == 0
        assert hanging.exception() is not None or hanging.result().status_code == 401


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_alone_it_ends_on_a_signal(how: signal.Signals) -> None:
    command = [sys.executable, "-m", "providers.emulator", "--port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as alone:
        assert alone.stdout is not None
        assert alone.stdout.readline().startswith("Emulator ready at http://127.0.0.1:")
        alone.send_signal(how)
        assert alone.wait(60) == 0


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "providers.emulator", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
