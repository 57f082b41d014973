"""docs/setup.md in a real Docker engine: each line for Docker of the blocks in the documents is typed here.

The tests are one story, in the order of the file: a server from nothing to music, and what becomes of it.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
from cryptography import x509
from playwright.async_api import Browser

from tests.proof.conftest import Say
from tests.proof.server import (
    CANARY,
    DOORS,
    FRONT,
    NAME,
    ROOT,
    URL,
    WORLD,
    Server,
    documented,
    every,
    shown,
    until,
)
from tests.support import engine
from tests.support.chromium import launched
from tests.support.engine import HERE
from tests.support.person import Person, link, text

DESPACITO = {"query": "Despacito"}
EXAMPLE = "valet-20261128T031500Z.dump"
SERVING = ("postgres", "nginx", *DOORS)


@pytest.fixture(scope="module")
def names() -> Iterator[None]:
    """The names of this world, for whoever asks for them in this process."""
    real = socket.getaddrinfo

    def asked(host: Any, *rest: Any, **more: Any) -> Any:
        return real(FRONT if host in (NAME, NAME.encode()) else host, *rest, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", asked)
        yield


@pytest.fixture(scope="module")
def server(nobody_stays: None, names: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    engine.require()
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
async def ana(server: Server) -> AsyncIterator[Person]:
    rules = f"MAP {NAME} {FRONT},MAP accounts.* {WORLD}"
    async with launched(f"--host-resolver-rules={rules}") as chromium:
        yield await somebody(chromium, server)


async def somebody(chromium: Browser, server: Server) -> Person:
    context = await chromium.new_context(ignore_https_errors=True)
    page = await context.new_page()
    return Person(page, URL, trust=server.authority.trusted(), world="https://accounts.*/**")


async def plays(server: Server, person: Person) -> None:
    """The tool says so and the player agrees."""
    server.emulator.set_player("ana", playing=False)
    async with person.chat() as client:
        result = await client.call_tool("spotify_play", DESPACITO)
        assert not result.is_error, text(result)
    player = server.emulator.player("ana")
    assert player["is_playing"] and player["current_name"] == "Despacito"


def all_well(server: Server) -> bool:
    return {server.health(name) for name in SERVING} == {"healthy"}


def test_three_lines_and_one_command_bring_everything_up(server: Server, say: Say) -> None:
    [command] = documented("docs/setup.md", "Start it")[:1]
    server.type(command)
    assert all_well(server), server.compose("ps", "--all")
    for name in ("init", "roles", "prepare", "certificate"):
        state = server.inspect(name, "State")
        assert (state["Status"], state["ExitCode"]) == ("exited", 0), name
    plain = httpx2.get(f"http://{NAME}/account")
    assert (plain.status_code, plain.headers["Location"]) == (301, f"{URL}/account")
    size = server.engine.docker("image", "inspect", server.image, "--format", "{{.Size}}").stdout
    base = server.engine.docker("image", "inspect", "debian:bookworm", "--format", "{{.Size}}").stdout
    said = server.engine.docker("version", "--format", "Docker Engine {{.Server.Version}}").stdout.strip()
    say(f"{said}, {server.compose('version').strip()}: the image is {int(size) / 1e6:.0f} MB, of which")
    say(f"the minimal Debian below it is {int(base) / 1e6:.0f}")


def test_the_certificate_comes_by_acme_and_nginx_takes_it(server: Server) -> None:
    begun = server.inspect("nginx", "State")["StartedAt"]
    until(lambda: "Pebble" in shown().issuer.rfc4514_string(), seconds=180)
    names = shown().extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAME]
    assert server.inspect("nginx", "State")["StartedAt"] == begun, "it was not started again"
    asked = "import urllib.request as u; print(u.urlopen('https://pebble:15000/roots/0').read().decode())"
    root = server.inside("connect", "python", "-c", asked).stdout
    with httpx2.Client(verify=ssl.create_default_context(cadata=root), trust_env=False) as client:
        found = client.get(f"{URL}/.well-known/oauth-authorization-server").json()
    assert found["issuer"] == URL
    for line in ("docker compose logs certbot", "docker compose restart certbot"):
        server.type(line)
    until(lambda: "not yet due for renewal" in server.compose("logs", "certbot"))


def test_a_certificate_of_ones_own_is_put_in_place(server: Server) -> None:
    project = server.engine.project
    server.type(documented("docs/setup.md", "Certificates")[0])
    assert "CERTIFICATE" in (project / "authority.pem").read_text()
    server.settings(VALET_TLS="own")
    server.type("docker compose up -d")
    server.authority.certify(project, NAME).replace(project / "valet.pem")
    server.type(documented("docs/setup.md", "Certificates")[1])
    until(lambda: "authority of the tests" in shown().issuer.rfc4514_string())
    (project / "valet.pem").unlink()


def test_the_setup_link_opens_and_the_doctor_finds_no_fault(server: Server) -> None:
    printed = server.type("docker compose exec connect valet setup").split()[-1]
    with httpx2.Client(verify=server.authority.trusted(), trust_env=False) as client:
        assert client.get(printed).status_code == 200
    found = server.type("docker compose exec connect valet doctor", check=False)
    assert "FAULT" not in found and "is this Valet" in found, found


async def test_play_despacito(server: Server, ana: Person) -> None:
    await ana.page.goto(f"{URL}/signin")
    await ana.page.get_by_role("button", name="Continue with Google").click()
    await ana.page.wait_for_url(ana.world)
    await ana.page.locator('input[type="radio"][value="ana"]').check()
    await ana.page.get_by_role("button", name="Continue").click()
    await ana.page.wait_for_url(f"{URL}/account*")
    async with ana.chat() as client:
        refused = await client.call_tool("spotify_play", DESPACITO)
        assert await ana.connect(link(refused)) == "Spotify is connected as Ana Duarte"
    await plays(server, ana)


def test_nothing_secret_is_to_be_seen_and_nothing_to_be_written(server: Server) -> None:
    containers = server.engine.docker("ps", "--all", "--quiet").stdout.split()
    seen = server.engine.docker("inspect", *containers).stdout + server.compose("logs")
    hidden = [CANARY]
    for service, path in (("postgres", "/run/valet/postgres"), ("mcp-1", "/run/valet/app")):
        hidden += server.inside(
            service, "sh", "-c", f"for each in {path}/*; do cat $each; echo; done"
        ).stdout.split()
    assert len(hidden) > 4 and not [secret for secret in hidden if secret in seen]
    for name in SERVING:
        host = server.inspect(name, "HostConfig")
        assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["Privileged"], name
        assert server.inside(name, "sh", "-c", ": >/etc/x").returncode != 0, name
        status = server.inside(name, "cat", "/proc/1/status").stdout
        assert re.search(r"^CapEff:\s0+$", status, re.MULTILINE), name
        assert re.search(r"^NoNewPrivs:\s1$", status, re.MULTILINE), name
        assert not re.search(r"^Uid:\s0\b", status, re.MULTILINE), name
    look = "for each in gcc cc postgres initdb; do command -v $each; done; echo looked"
    assert server.inside("mcp-1", "sh", "-c", look).stdout == "looked\n"


REACHED = """import socket, sys
try: socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close()
except OSError: sys.exit(1)
"""


def test_who_reaches_whom(server: Server) -> None:
    """Workers reach the database and the world; nginx reaches neither, and the database nobody."""

    def reaches(service: str, host: str, port: str) -> bool:
        if service in DOORS:
            return server.inside(service, "python", "-c", REACHED, host, port).returncode == 0
        if service == "postgres":
            line = f"exec 3<>/dev/tcp/{host}/{port}"
            return server.inside(service, "timeout", "2", "bash", "-c", line).returncode == 0
        return server.inside(service, "nc", "-z", "-w", "2", host, port).returncode == 0

    address = server.inspect("postgres", "NetworkSettings")["Networks"]["valet_data"]["IPAddress"]
    outside = server.inspect("world", "NetworkSettings")["Networks"]["valet_outside"]["IPAddress"]
    for door in DOORS:
        assert reaches(door, "postgres", "5432") and reaches(door, "accounts.spotify.com", "443")
    assert reaches("nginx", "172.29.84.4", "8420")
    assert not reaches("nginx", address, "5432") and not reaches("nginx", outside, "443")
    emulator = str(server.emulator.http.base_url.port)
    assert not reaches("nginx", HERE, emulator), "no way out"
    assert reaches("mcp-1", HERE, emulator) and reaches("postgres", "127.0.0.1", "5432"), (
        "the looks can succeed"
    )
    assert not reaches("postgres", HERE, emulator) and not reaches("postgres", outside, "443")
    networks = server.inspect("postgres", "NetworkSettings")["Networks"]
    assert set(networks) == {"valet_data"}
    assert (
        server.engine.docker("network", "inspect", "valet_data", "--format", "{{.Internal}}").stdout
        == "true\n"
    )


ASKED = (
    "import sys, httpx2; print(httpx2.get(sys.argv[1], verify=False, headers={'User-Agent': 'visitor'}).text)"
)


def test_visitors_are_seen_by_their_own_addresses(server: Server) -> None:
    """By IPv6 and by IPv4: else all of them would share one limit."""
    ours, theirs = ("2001:db8::1/64", "203.0.113.1/24"), ("2001:db8::2/64", "203.0.113.2/24")
    with server.engine.visitor(ours, theirs) as visitor:
        for there in ("[2001:db8::1]", "203.0.113.1"):
            assert visitor(sys.executable, "-c", ASKED, f"https://{there}/healthz").strip() == "ok"
    lines = [line for line in server.compose("logs", "nginx").splitlines() if '"client":"visitor"' in line]
    seen = [re.findall(r'"address":"([^"]+)"', line) for line in lines]
    assert seen == [["2001:db8::2"], ["::ffff:203.0.113.2"]]


async def test_it_plays_after_a_restart(server: Server, ana: Person) -> None:
    server.type("docker compose down")
    assert server.compose("ps", "--all", "--quiet") == ""
    server.type("docker compose up -d")
    consents = ana.consents
    await plays(server, ana)
    server.emulator.expire("access")
    await plays(server, ana)
    for line in documented("docs/setup.md", "Fill in .env"):
        server.type(line)
    until(lambda: all_well(server))
    await plays(server, ana)
    assert ana.consents == consents, "nobody was asked anything"


KILL = """import os, signal
for pid in filter(str.isdigit, os.listdir("/proc")):
    if b"mcp_server" in open(f"/proc/{pid}/cmdline", "rb").read() and int(pid) not in (1, os.getpid()):
        os.kill(int(pid), signal.SIGKILL)
"""


async def test_a_worker_that_is_killed_comes_back_and_meanwhile_the_other_answers(
    server: Server, ana: Person
) -> None:
    for name in ("mcp-1", "mcp-2"):
        before = server.inspect(name, "RestartCount")
        server.inside(name, "python", "-c", KILL)
        await plays(server, ana)
        until(lambda name=name, before=before: server.inspect(name, "RestartCount") == before + 1)
        until(lambda name=name: server.health(name) == "healthy")


async def test_an_update_fails_no_call(server: Server, ana: Person, say: Say) -> None:
    done, answered, failed = asyncio.Event(), 0, []

    async def calls() -> None:
        nonlocal answered
        while not done.is_set():
            try:
                async with ana.chat() as client:
                    result = await client.call_tool("spotify_get_playback", {})
            except Exception as error:  # noqa: BLE001 - whatever a chat program would see
                failed.append(repr(error))
            else:
                answered += 1
                if result.is_error:
                    failed.append(text(result))
            await asyncio.sleep(0.5)  # a chat that asks more often is told so (docs/limits.md)

    before = {name: server.inspect(name, "Id") for name in DOORS}
    # Something to update: the image is another one.
    module = server.engine.project / "valet/healthy.py"
    module.write_text(module.read_text() + "\n# another release\n")
    load = [asyncio.create_task(calls()) for _ in range(4)]
    try:
        for line in documented("docs/setup.md", "Updating"):
            if "nginx certbot" in line:  # nginx is away for a second, says the page
                done.set()
                await asyncio.gather(*load)
            await asyncio.to_thread(server.type, line)
    finally:
        done.set()
    assert failed == [] and answered >= 20
    assert not [name for name in DOORS if server.inspect(name, "Id") == before[name]], "all are new"
    for name in DOORS:
        assert server.health(name) == "healthy"
    until(lambda: all_well(server))
    await plays(server, ana)
    say(f"{answered} calls by 4 chats through an update of all processes, 0 failed")


async def test_keys_are_rotated_while_it_runs(server: Server, ana: Person) -> None:
    for line in documented("docs/setup.md", "Keys"):
        printed = server.type(line)
    assert "every data key is under file:main:2" in printed
    await plays(server, ana)
    assert "everything opens" in server.type("docker compose run --rm prepare valet keys verify")
    copies = "/var/lib/valet/keyring-backups"
    until(lambda: len(server.inside("backup-keyring", "ls", copies).stdout.split()) == 2)


async def test_a_dump_comes_back_and_what_came_after_it_is_kept_aside(server: Server, ana: Person) -> None:
    [made] = re.findall(r"valet-\w+\.dump", server.type("docker compose run --rm backup now"))
    until(lambda: server.health("backup") == "healthy")
    server.type("docker compose logs backup")
    stop, restore, again = documented("docs/setup.md", "Backup and restore")[3:6]
    server.type(stop)
    assert {server.inspect(name, "State")["ExitCode"] for name in DOORS} == {0}, "they drained"
    assert "restored" in server.type(restore, {EXAMPLE: made})
    server.type(again)
    await plays(server, ana)
    listed, drop = documented("docs/operations.md", "What a restore leaves behind")
    [kept] = set(re.findall(r"valet_before_\w+", server.type(listed)))
    server.type(drop, {"valet_before_20261128T101500Z": kept})
    assert "valet_before" not in server.type(listed)


async def test_a_new_server_from_the_two_backups(server: Server, ana: Person) -> None:
    lines, project = documented("docs/setup.md", "Backup and restore"), server.engine.project
    for line in lines[:2]:
        server.type(line)
    newest = sorted((project / "keyring-backups").glob("keyring-*.json"))[-1]
    newest.replace(project / "keyring.json")
    dump = sorted((project / "backups").glob("*.dump"))[-1].name
    server.compose("down", "--volumes")
    for line in lines[6:]:
        printed = server.type(line, {EXAMPLE: dump} if EXAMPLE in line else None)
    assert "everything opens" in printed
    server.authority.certify(project, NAME).replace(project / "valet.pem")
    server.type(documented("docs/setup.md", "Certificates")[1])
    until(lambda: "authority of the tests" in shown().issuer.rfc4514_string())
    await plays(server, ana)


async def test_the_runbooks_lines(server: Server, ana: Person, say: Say) -> None:
    for line in documented("docs/operations.md", "Rotate a database password"):
        server.type(line)
    until(lambda: all_well(server))
    await plays(server, ana)
    pruned = server.type("docker compose run --rm prepare valet audit prune --before 2025-11-28")
    assert "nothing is as old" in pruned, pruned
    server.type("docker compose run --rm prepare valet keys rotate")
    assert "(healthy)" in server.type("docker compose ps postgres")
    assert server.type("docker compose ps").count("(healthy)") >= len(SERVING)
    assert "/mcp" in server.type("docker compose logs nginx")
    assert "is ready at" in server.type("docker compose logs")
    server.type("docker compose restart mcp-1")
    until(lambda: server.health("mcp-1") == "healthy")
    await plays(server, ana)
    used = server.engine.docker("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}").stdout
    [resident] = re.findall(r"valet-mcp-1-1 (\S+)", used)
    say(f"mcp-1 was ready {server.ready():.2f} s after its container began, and holds {resident}")


def test_one_container_alone(server: Server) -> None:
    """docs/setup.md, "One container", with a PostgreSQL beside it in the engine."""
    page = (ROOT / "docs/setup.md").read_text()
    [statements] = re.findall(r"^```sql\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    [_, settings] = re.findall(r"^```ini\n(PUBLIC_URL.*?)^```$", page, re.MULTILINE | re.DOTALL)
    build, run, setup = documented("docs/setup.md", "One container")
    server.compose("down", "--volumes")
    postgres = server.file["services"]["postgres"]["image"]
    (server.engine.project / "password").write_text("an administrator's")
    given = ("--volume", "/srv/valet/password:/password:ro", "--env", "POSTGRES_PASSWORD_FILE=/password")
    server.engine.docker("run", "--detach", "--name", "db", "--user", "999:999", *given, postgres)
    until(lambda: server.engine.docker("exec", "db", "pg_isready", check=False).returncode == 0)
    server.engine.docker("exec", "--interactive", "db", "psql", "-U", "postgres", given=statements.encode())
    address = server.engine.docker(
        "inspect", "db", "--format", "{{.NetworkSettings.Networks.bridge.IPAddress}}"
    ).stdout.strip()
    (server.engine.project / ".env").write_text(settings.replace("db.example.org", address))
    server.type(build)
    server.type(run)

    def health() -> str:
        return server.engine.docker("inspect", "valet", "--format", "{{.State.Health.Status}}").stdout.strip()

    until(lambda: health() == "healthy")
    assert server.type(setup).startswith(f"{URL}/setup?t=")
    asked = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8420/healthz').read().decode())"
    assert server.engine.docker("exec", "valet", "python", "-c", asked).stdout.split() == ["ok"]
    server.engine.docker("restart", "valet")
    until(lambda: health() == "healthy")
    assert "everything opens" in server.engine.docker("exec", "valet", "valet", "keys", "verify").stdout


def test_no_line_of_the_documents_was_left_out(server: Server) -> None:
    assert every() - server.typed == set()
