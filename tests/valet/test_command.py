"""The commands, as processes: what they print, what they refuse, and what they leave behind."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from providers.registry import PROVIDERS
from tests.support.emulator import ROOT, EmulatorProcess
from tests.support.ports import free_port, reserved
from tests.support.valet import ValetProcess
from valet import entries


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as emulator:
        yield emulator


@pytest.fixture
def demo(emulator: EmulatorProcess) -> Iterator[ValetProcess]:
    valet = ValetProcess(VALET_EMULATOR_ORIGIN=emulator.origin)
    yield valet
    valet.close()


def living(folder: Path) -> list[str]:
    """Command lines of processes that work in the folder or mention it."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if str(folder) in line or process.cwd().startswith(str(folder)):
                found.append(line)
    return found


def test_the_banner_holds_what_a_newcomer_needs(demo: ValetProcess) -> None:
    demo.start()
    url = f"{demo.url}/mcp"
    assert f"MCP URL        {url}" in demo.banner and f"{demo.url}/account" in demo.banner
    assert demo.owner_link.startswith(f"{demo.url}/owner?t=")
    lines = [line.strip() for line in demo.banner.splitlines()]
    pasted = [json.loads(line) for line in lines if line.startswith("{")]
    assert pasted == [json.loads(entries.vs_code(url)), json.loads(entries.claude_desktop(url))]
    assert pasted[1]["mcpServers"]["valet"]["args"][:3] == ["-y", "mcp-remote", url]
    assert f"claude mcp add --transport http valet {url}" in lines
    assert "needs Node.js" in demo.banner and "make try" in demo.banner


def test_try_plays_and_says_each_step(demo: ValetProcess, emulator: EmulatorProcess) -> None:
    demo.start()
    shown = re.findall(r"^ +(?:consent|tools) .*$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    for _ in range(2):  # a second time everything is connected already
        ran = demo.run("try", "Despacito")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert 'done  "Despacito" is playing' in ran.stdout
        assert emulator.player("ana")["current_name"] == "Despacito"
        for step in ("authorize", "sign in", "consent", "tools", "search", "play", "the player"):
            assert step in ran.stdout
        assert ran.stderr == ""
    assert "connected" not in ran.stdout
    assert len(shown) == 2
    assert set(shown) <= set(ran.stdout.splitlines()), "the README shows what it says today"


def test_try_fails_plainly_when_the_player_does_not_play(
    demo: ValetProcess, emulator: EmulatorProcess
) -> None:
    demo.start()
    assert demo.run("try", "Despacito").returncode == 0
    emulator.fault("PUT api.spotify.com/v1/me/player/play*", kind="status", status=500, times=None)
    try:
        ran = demo.run("try", "Dreams")
    finally:
        emulator.clear_faults()
    assert ran.returncode == 1 and "done" not in ran.stdout
    assert ran.stderr.startswith("valet: spotify_play answered: Spotify ") and "Traceback" not in ran.stderr
    assert "track: “Dreams”" in ran.stdout
    ran = demo.run("try", "no song is called like this")
    assert ran.returncode == 1 and "has no track that matches" in ran.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopping_leaves_no_process_and_loses_nothing(demo: ValetProcess, number: int) -> None:
    demo.start()
    assert demo.run("try").returncode == 0
    assert living(demo.folder)
    assert demo.stop(number) == 0
    assert living(demo.folder) == []
    assert "Traceback" not in demo.logs.read_text()
    demo.start()
    ran = demo.run("try")
    assert ran.returncode == 0 and "not connected" not in ran.stdout


@pytest.fixture
def demos_port() -> Iterator[None]:
    """No other test has the one port of the demo's own emulator."""
    with reserved(9009):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", 9009)) == 0:
                pytest.skip("port 9009 is taken, perhaps by a demo that runs on this machine")
        yield


def test_the_demos_own_emulator_starts_stops_and_remembers(demos_port: None) -> None:
    with ValetProcess(fresh=True) as valet:
        assert "localhost:9009" in valet.banner
        assert valet.run("try").returncode == 0
        valet.restart()
        ran = valet.run("try")
        assert ran.returncode == 0 and "not connected" not in ran.stdout, "the emulator forgot the grant"
        valet.stop()
        assert living(valet.folder) == []
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", 9009)) != 0


def test_a_killed_valet_is_survived(demo: ValetProcess) -> None:
    demo.start()
    assert demo.run("try").returncode == 0
    assert demo.stop(signal.SIGKILL) == -signal.SIGKILL
    demo.start()
    ran = demo.run("try")
    assert ran.returncode == 0 and "not connected" not in ran.stdout


def test_a_busy_port_is_refused(demo: ValetProcess) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", demo.port))
        taken.listen()
        ran = demo.run("demo")
    assert ran.returncode == 2
    assert f"127.0.0.1:{demo.port} can't be used" in ran.stderr and "VALET_PORT" in ran.stderr


def test_links_and_tries_need_a_running_demo(demo: ValetProcess) -> None:
    for arguments in (["link", "--demo"], ["try"]):
        ran = demo.run(*arguments)
        assert ran.returncode == 2 and "Traceback" not in ran.stderr
        assert "start one" in ran.stderr.lower()


def test_a_link_can_be_had_as_json(demo: ValetProcess) -> None:
    demo.start()
    for arguments in (["link", "--demo", "--json"], ["link", "--json"]):
        ran = demo.run(*arguments)
        assert ran.returncode == 0, "the banner says so without --demo"
    assert json.loads(ran.stdout)["owner_link"].startswith(f"{demo.url}/owner?t=")


def test_a_lost_key_ring_is_named_and_not_replaced(demo: ValetProcess) -> None:
    demo.start()
    demo.stop()
    ring = demo.data / "demo" / "keyring.json"
    assert ring.stat().st_mode & 0o777 == 0o600
    kept = ring.read_bytes()
    ring.unlink()
    ran = demo.run("demo")
    assert ran.returncode == 2 and str(ring) in ran.stderr and not ring.exists()
    ring.write_bytes(kept)
    ring.chmod(0o666)
    ran = demo.run("demo")
    assert ran.returncode == 2 and "chmod 600" in ran.stderr
    ring.chmod(0o600)
    demo.start()


def test_serve_without_apps_says_what_the_operator_must_do() -> None:
    with ValetProcess("serve", fresh=True) as valet:
        said = "not set up: run `valet setup`, or set SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET"
        assert f"Spotify        {said}" in valet.banner
        assert f"{valet.url}/setup?t=" in valet.banner
        metadata = httpx2.get(f"{valet.url}/.well-known/oauth-authorization-server", trust_env=False).json()
        assert metadata["issuer"] == valet.url
        assert valet.new_owner_link().startswith(f"{valet.url}/owner?t=")


def test_serve_takes_real_apps_from_the_environment() -> None:
    apps = {"SPOTIFY_CLIENT_ID": "0123456789abcdef", "SPOTIFY_CLIENT_SECRET": "canary-secret"}
    with ValetProcess("serve", **apps) as valet:
        assert "emulated" not in valet.banner
        unset = [line.split()[0] for line in valet.banner.splitlines() if "not set up" in line]
        assert unset == [provider.title for provider in PROVIDERS if provider.name != "spotify"]
        assert "canary-secret" not in valet.banner + valet.logs.read_text()
        assert "/setup?t=" not in valet.banner


def test_the_demo_and_a_real_server_do_not_share_a_database(
    server_url: str, emulator: EmulatorProcess
) -> None:
    name = f"valet_modes_{free_port()}"
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    url = make_conninfo(server_url, dbname=name)
    try:
        with ValetProcess("serve", DATABASE_URL=url) as live:
            assert live.stop() == 0
        demo = ValetProcess("demo", DATABASE_URL=url, VALET_EMULATOR_ORIGIN=emulator.origin)
        ran = demo.run("demo")
        demo.close()
        assert ran.returncode == 2 and "belongs to a real server" in ran.stderr
    finally:
        with psycopg.connect(server_url, autocommit=True) as link:
            link.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


def test_a_database_that_does_not_answer_is_said_without_its_address() -> None:
    valet = ValetProcess("serve", DATABASE_URL="postgresql://u:canary@127.0.0.1:1/none")
    ran = valet.run("serve")
    valet.close()
    assert ran.returncode == 2 and "the database does not answer" in ran.stderr
    assert "canary" not in ran.stderr and "Traceback" not in ran.stderr


def test_a_key_ring_inside_the_databases_directory_is_refused(demo: ValetProcess) -> None:
    inside = demo.data / "demo" / "postgres" / "cluster" / "keyring.json"
    demo.environment_more["VALET_KEYRING"] = str(inside)
    ran = demo.run("demo")
    assert ran.returncode == 2 and "VALET_KEYRING lies inside" in ran.stderr
    assert not inside.exists()


def test_a_public_server_has_no_owner_link() -> None:
    with ValetProcess("serve", PUBLIC_URL="https://valet.example.org", VALET_ALLOW="*") as valet:
        assert valet.owner_link == "" and "Owner link" not in valet.banner
        with httpx2.Client(
            base_url=f"http://127.0.0.1:{valet.port}", headers={"Host": "valet.example.org"}, trust_env=False
        ) as http:
            assert http.get("/signin").status_code == 200
            assert "link that Valet printed" not in http.get("/signin").text
            assert "valet setup" in http.get("/signin").text, "it says what to do where nobody can sign in"
            assert "https://valet.example.org/setup?t=" in valet.banner
            printed = json.loads(valet.run("setup", "--json").stdout)["setup_link"]
            assert printed.startswith("https://valet.example.org/setup?t=")
            assert http.get(printed.removeprefix("https://valet.example.org")).status_code == 200
            assert http.get("/setup").status_code == 403
            assert http.get("/owner", params={"t": "x"}).status_code == 404
            assert http.post("/owner", data={"t": "x"}).status_code in {403, 404}
        ran = valet.run("link")
        assert ran.returncode == 2 and "owner links exist only" in ran.stderr


def test_a_role_that_may_not_change_the_schema_is_told_what_to_set(server_url: str) -> None:
    role, name = f"valet_weak_{free_port()}", f"valet_weak_{free_port()}"
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'canary'")  # type: ignore[arg-type]
        link.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    try:
        url = make_conninfo(server_url, dbname=name, user=role, password="canary")
        valet = ValetProcess("serve", DATABASE_URL=url)
        ran = valet.run("serve")
        valet.close()
        assert ran.returncode == 2 and "MIGRATION_DATABASE_URL" in ran.stderr
        assert "canary" not in ran.stderr and "Traceback" not in ran.stderr
        owner = make_conninfo(server_url, dbname=name)
        with ValetProcess("serve", DATABASE_URL=url, MIGRATION_DATABASE_URL=owner) as two_roles:
            assert two_roles.owner_link
        with psycopg.connect(url, autocommit=True) as link:
            for statement in ("CREATE TABLE x ()", "DROP TABLE users", "DELETE FROM schema_migrations"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    link.execute(statement)  # type: ignore[arg-type]
    finally:
        with psycopg.connect(server_url, autocommit=True) as link:
            link.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]
            link.execute(f"DROP ROLE {role}")  # type: ignore[arg-type]


def postmaster(valet: ValetProcess) -> psutil.Process:
    """The embedded server of that instance."""
    pid = (valet.data / "demo" / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0]
    return psutil.Process(int(pid))


def test_an_embedded_database_that_dies_is_started_again(demo: ValetProcess) -> None:
    demo.start()
    assert demo.run("try").returncode == 0
    victim = postmaster(demo)
    victim.kill()
    statuses = []
    with httpx2.Client(base_url=demo.url, trust_env=False, timeout=20) as http:
        deadline = time.monotonic() + 60
        while not statuses or statuses[-1] != 401:
            assert time.monotonic() < deadline, statuses
            answer = http.post("/mcp", headers={"Authorization": "Bearer nonsense"}, json={})
            statuses.append(answer.status_code)
            if answer.status_code == 503:
                assert answer.headers["Retry-After"]
    assert set(statuses) <= {401, 503}
    assert postmaster(demo).pid != victim.pid
    ran = demo.run("try")
    assert ran.returncode == 0 and "not connected" not in ran.stdout


def test_a_second_demo_on_the_same_folder_is_refused_and_harms_nothing(demo: ValetProcess) -> None:
    demo.start()
    port = free_port()
    given = demo.environment_more
    demo.environment_more = {**given, "VALET_PORT": str(port), "PUBLIC_URL": f"http://127.0.0.1:{port}"}
    ran = demo.run("demo")
    demo.environment_more = given
    assert ran.returncode == 2 and "already runs the database" in ran.stderr
    assert demo.run("try").returncode == 0


@pytest.mark.parametrize(
    "url",
    ["postgres//u:canary@h/x", "host", "postgresql://u:canary@[::1/x", "postgresql://u:canary@h:port/x"],
)
@pytest.mark.parametrize("name", ["DATABASE_URL", "MIGRATION_DATABASE_URL"])
def test_a_mistyped_database_url_is_said_without_it(name: str, url: str) -> None:
    valet = ValetProcess("serve", **{"DATABASE_URL": "postgresql://u:canary@127.0.0.1:1/x", name: url})
    for command in ("serve", "link"):
        ran = valet.run(command)
        assert ran.returncode == 2, ran.stderr
        assert "DATABASE_URL" in ran.stderr
        assert "canary" not in ran.stderr and "Traceback" not in ran.stderr
    valet.close()
