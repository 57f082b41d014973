"""compose.yaml brought up on loopback, with its own commands, users, mounts, environment and scripts."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import shutil
import signal
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psycopg
import pytest

from tests.deploy.guide import sections
from tests.support import image
from tests.support.image import ROOT
from tests.support.ports import free_port
from tests.support.site import DOORS, Site, until
from valet.tls import Pair, ensure

NAME = "valet.test"
CANARY = "canary-client-secret"
SETTINGS = {
    "PUBLIC_URL": f"https://{NAME}",
    "VALET_ALLOW": "ana@example.org",
    "SPOTIFY_CLIENT_ID": "some-app",
    "SPOTIFY_CLIENT_SECRET": CANARY,
    "VALET_FRONT_PROXY": "192.0.2.0/24, 127.0.0.71,2001:db8::/32",
}


def asked(site: Site, path: str, method: str = "GET", **more: object) -> httpx2.Response:
    """Of nginx, as somebody does who knows PUBLIC_URL."""
    trusted = ssl.create_default_context(cadata=authority(site))
    with httpx2.Client(verify=trusted) as client:
        return client.request(
            method,
            f"https://127.0.0.1:{site.ports['https']}{path}",
            headers={"Host": NAME},
            extensions={"sni_hostname": NAME},
            **more,  # type: ignore[arg-type]
        )


def authority(site: Site) -> str:
    return (site.volume("certificates") / "dev/authority.pem").read_text()


def passwords(site: Site) -> list[str]:
    return [(site.volume("postgres") / name).read_text() for name in ("superuser", "owner", "app")]


@pytest.fixture(scope="module")
def site(opt: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """All services of the file, in its order."""
    image.require()
    if shutil.which("nginx", path="/usr/sbin:/usr/bin") is None:
        if os.environ.get("VALET_REQUIRE_TOWN"):
            pytest.fail("nginx is missing: run tests/prerequisites.sh as root.")
        pytest.skip("NOT VALIDATED: compose.yaml behind nginx, which is missing (tests/prerequisites.sh)")
    site = Site(tmp_path_factory.mktemp("site"), opt, SETTINGS)
    try:
        site.once("init")
        site.start_postgres()
        site.once("roles")
        site.once("prepare")
        site.start_doors()
        site.once("certificate")
        site.start_nginx()
        yield site
    finally:
        site.stop()


def test_the_file_brings_up_valet_behind_one_name(site: Site) -> None:
    assert asked(site, "/healthz").text.strip() == "ok"
    issuer = asked(site, "/.well-known/oauth-authorization-server").json()["issuer"]
    assert issuer == SETTINGS["PUBLIC_URL"]
    call = asked(site, "/mcp", "POST", json={})
    assert call.status_code == 401 and f"https://{NAME}/.well-known" in call.headers["WWW-Authenticate"]
    plain = httpx2.get(f"http://127.0.0.1:{site.ports['http']}/account")
    assert (plain.status_code, plain.headers["Location"]) == (301, f"https://{NAME}/account")


def test_the_setup_link_of_the_documents_command_opens(site: Site) -> None:
    """docker compose exec connect valet setup"""
    ran = site.container("connect").run("valet", "setup")
    assert ran.returncode == 0 and ran.stdout.startswith(f"https://{NAME}/setup?t="), ran.stderr
    page = asked(site, ran.stdout.strip().removeprefix(f"https://{NAME}"))
    assert page.status_code == 200 and "<form" in page.text


def test_each_proxy_that_env_names_says_who_asks_and_nobody_else(site: Site) -> None:
    trusted = ssl.create_default_context(cadata=authority(site))
    for source in ("127.0.0.71", "127.0.0.72"):
        way = httpx2.HTTPTransport(verify=trusted, local_address=source)
        headers = {"Host": NAME, "X-Forwarded-For": "198.51.100.7, 192.0.2.3, 2001:db8::3"}
        with httpx2.Client(transport=way, headers=headers) as client:
            where = f"https://127.0.0.1:{site.ports['https']}/by-{source}"
            assert client.get(where, extensions={"sni_hostname": NAME}).status_code == 404
    said = r'"address":"([^"]*)","method":"GET","path":"/by-([^"]*)"'

    def heard() -> dict[str, str]:
        return {source: address for address, source in re.findall(said, site.log("nginx"))}

    site.until(lambda: len(heard()) == 2, "nginx")
    assert heard() == {"127.0.0.71": "198.51.100.7", "127.0.0.72": "127.0.0.72"}


def test_no_secret_is_in_an_environment_a_command_line_or_a_log(site: Site) -> None:
    hidden = [CANARY, *passwords(site), (site.volume("keyring") / "keyring.json").read_text()]
    seen = [" ".join(site.container(name).command) for name in site.file["services"]]
    seen += [" ".join(map(str, service.get("command", ()))) for service in site.file["services"].values()]
    seen += [site.log(name) for name in ("postgres", "nginx", *DOORS)]
    assert not [secret for secret in hidden for text in seen if secret in text]
    ran = site.container("connect").run("cat", "/run/valet/app/spotify_client_secret")
    assert ran.stdout == CANARY, "it does reach who needs it"


def test_each_file_is_for_its_reader_alone(site: Site) -> None:
    for volume, owner, mode in (("postgres", 999, 0o400), ("owner", 10001, 0o400), ("app", 10001, 0o400)):
        for path in site.volume(volume).iterdir():
            status = path.stat()
            assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (owner, mode), path
    ring = (site.volume("keyring") / "keyring.json").stat()
    assert (ring.st_uid, stat.S_IMODE(ring.st_mode)) == (10001, 0o600)
    shown = (site.volume("certificates") / "valet.pem").stat()
    assert (shown.st_uid, shown.st_gid, stat.S_IMODE(shown.st_mode)) == (10001, 101, 0o640)
    ran = site.container("nginx").run("cat", "/run/valet/certificates/dev/authority-key.pem")
    assert "Permission denied" in ran.stderr, "the authority's key is not nginx's"


def test_who_serves_can_write_nowhere_but_to_memory(site: Site) -> None:
    for name in ("connect", "nginx"):
        places = "/etc/x /opt/valet/x /run/valet/x /var/lib/valet/x /var/lib/valet/keyring/x /tmp/x"
        ran = site.container(name).run(
            "sh", "-c", f"for p in {places}; do (: >$p) 2>/dev/null && echo $p; done"
        )
        assert ran.stdout == "/tmp/x\n"


def test_a_second_start_changes_no_password_and_no_ring(site: Site) -> None:
    before = (*passwords(site), (site.volume("keyring") / "keyring.json").read_bytes())
    site.once("init")
    site.once("roles")
    site.once("prepare")
    assert (*passwords(site), (site.volume("keyring") / "keyring.json").read_bytes()) == before
    assert asked(site, "/healthz").status_code == 200


def test_a_password_is_on_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power failure would leave an empty file, and a database that nobody can log in to."""
    script, path = runpy.run_path(str(ROOT / "deploy/compose/init.py")), tmp_path / "owner"
    synced: list[object] = []

    def fsync(fd: int) -> None:
        seen = os.fstat(fd)
        synced.append(path.exists() if stat.S_ISDIR(seen.st_mode) else (seen.st_size, path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    script["write"](path, "a password", os.getuid(), os.getgid())
    assert path.read_text() == "a password" and synced == [(10, False), True]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8420", "https://valet.example.org:8443", "https://Valet.example.org", ""]
)
def test_a_public_url_that_nginx_could_not_be_is_refused_first(site: Site, url: str) -> None:
    before = site.settings.read_text()
    site.settings.write_text(f"PUBLIC_URL={url}\n")
    try:
        ran = site.attempt("init")
    finally:
        site.settings.write_text(before)
    assert ran.returncode == 1 and "https://valet.example.org. Then: docker compose up -d" in ran.stderr


def test_nginx_takes_a_new_certificate_by_itself_and_no_broken_one(site: Site, tmp_path: Path) -> None:
    """docker compose run --rm --volume ./valet.pem:/run/given.pem:ro init certificate /run/given.pem"""

    def shown() -> str:
        return ssl.get_server_certificate(("127.0.0.1", site.ports["https"]))

    held = site.volume("certificates") / "valet.pem"
    before, first = shown(), held.read_bytes()
    broken = site.volume("certificates") / ".broken"
    broken.write_text("no certificate")
    broken.replace(held)
    site.until(lambda: "cannot load certificate" in site.log("nginx"), "nginx")
    assert shown() == before
    ensure(tmp_path / "tls", NAME)
    pair, given = Pair(tmp_path / "tls"), tmp_path / "valet.pem"
    given.write_bytes(pair.key.read_bytes() + pair.certificate.read_bytes())
    given.chmod(0o600)
    site.once("init", "certificate", "/run/given.pem", given=(given, "/run/given.pem"))
    site.until(lambda: shown() != before, "nginx")
    held.unlink()
    site.once("certificate")
    site.until(lambda: shown() == before, "nginx")
    assert held.read_bytes() == first


CERTBOT = """#!/bin/sh
# In the place of certbot: notes what it was asked, and has a certificate ready or none.
echo "$@" >>"$STATE/asked"
[ -e "$STATE/ready" ] || exit 1
mkdir -p "$STATE/live/valet"
cp "$STATE/ready/key.pem" "$STATE/live/valet/privkey.pem"
cp "$STATE/ready/certificate.pem" "$STATE/live/valet/fullchain.pem"
"""


def test_certbots_certificate_takes_the_place_of_the_first_one(tmp_path: Path) -> None:
    """The script against a stand-in: no ACME server is reached from here."""
    folder, webroot, state, programs = (tmp_path / name for name in ("certificates", "acme", "state", "bin"))
    for each in (folder, webroot, state, programs):
        each.mkdir()
    (programs / "certbot").write_text(CERTBOT)
    (programs / "certbot").chmod(0o755)
    (programs / "sleep").write_text('#!/bin/sh\necho "$1" >>"$STATE/slept"; kill "$PPID"\n')
    (programs / "sleep").chmod(0o755)
    (folder / "valet.pem").write_text("the first one")
    given = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "STATE": str(state),
        "PUBLIC_URL": "https://valet.example.org",
        "VALET_ACME_SERVER": "https://acme.example.org/directory",
        "VALET_ACME_EMAIL": "ana@example.org",
    }

    def get(**more: str) -> str:
        script = ROOT / "deploy/compose/certbot.sh"
        ran = subprocess.run(
            ["sh", script, folder, webroot, state],
            env={**given, **more},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout + ran.stderr

    assert "tried again in a quarter of an hour" in get()
    assert (folder / "valet.pem").read_text() == "the first one"
    ensure(state / "ready", "valet.example.org")
    assert get() == ""
    pair = Pair(state / "ready")
    assert (folder / "valet.pem").read_bytes() == pair.key.read_bytes() + pair.certificate.read_bytes()
    assert [path.name for path in folder.iterdir()] == ["valet.pem"]
    asked_for = (state / "asked").read_text().splitlines()[-1]
    for words in (
        "--domain valet.example.org",
        f"--webroot-path {webroot}",
        "--email ana@example.org",
        "--server https://acme.example.org/directory",
        "--keep-until-expiring",
    ):
        assert words in asked_for
    assert (state / "slept").read_text().split() == ["900", "43200"]
    assert "needs no certificate" in get(PUBLIC_URL="https://10.0.0.7"), "and rests"
    assert "needs no certificate" in get(VALET_TLS="own")
    assert (state / "slept").read_text().split()[2:] == ["86400", "86400"], (
        "who ends is started over and over"
    )


@pytest.mark.parametrize(
    ("host", "tls"),
    [
        ("valet.example.org", "acme"),
        ("3com.com", "acme"),
        ("localhost", "dev"),
        ("box", "dev"),
        ("10.0.0.7", "dev"),
        ("valet.internal", "dev"),
        ("valet.home.arpa", "dev"),
    ],
)
def test_how_a_name_comes_to_its_certificate(host: str, tls: str) -> None:
    script = f'. {ROOT}/deploy/compose/names.sh; echo "$host $tls"'
    ran = subprocess.run(
        ["sh", "-c", script],
        env={"PUBLIC_URL": f"https://{host}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == f"{host} {tls}\n"


def test_one_container_alone_has_both_doors(site: Site, tmp_path: Path) -> None:
    """docs/setup.md, "One container": its roles, its settings, the image's own command and check."""
    page = (ROOT / "docs/setup.md").read_text()
    [statements] = re.findall(r"^```sql\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    [_, settings] = re.findall(r"^```ini\n(PUBLIC_URL.*?)^```$", page, re.MULTILINE | re.DOTALL)
    there = f"127.0.0.1:{site.ports['postgres']}"
    with psycopg.connect(
        f"postgresql://postgres:{passwords(site)[0]}@{there}/postgres", autocommit=True
    ) as link:
        for statement in re.sub(r" *--.*", "", statements).replace("valet", "single").split(";\n")[:-1]:
            link.execute(statement)  # type: ignore[call-overload]
    moved = settings.replace("valet_", "single_").replace("db.example.org/valet", f"{there}/single")
    given = {**image.environment(), **dict(line.split("=", 1) for line in moved.splitlines())}
    port, ops, data, own = free_port(), free_port(), tmp_path / "data", tmp_path / "own"
    own.mkdir()
    data.mkdir()
    os.chown(data, 10001, 10001)
    given |= {"VALET_HOST": "127.0.0.1", "VALET_OPS_HOST": "127.0.0.1"}
    given |= {"VALET_PORT": str(port), "VALET_OPS_PORT": str(ops)}
    box = image.Container(
        site.opt, own, user="10001:10001", mounts=[(data, "/var/lib/valet", True)], given=given
    )
    running = box.start(tmp_path / "log", *json.loads(image.instructions("CMD")[0]))
    try:
        until(lambda: running.ended or box.run("valet", "healthy").returncode == 0)
        assert not running.ended, running.log.read_text()
        with httpx2.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Host": "valet.example.org"}
        ) as client:
            assert client.post("/mcp", json={}).status_code == 401
            found = client.get("/.well-known/oauth-authorization-server").json()
            assert found["issuer"] == "https://valet.example.org"
            assert client.get("/healthz").text.strip() == "ok"
        assert box.run("valet", "setup").stdout.startswith("https://valet.example.org/setup?t=")
        assert (data / "keyring.json").exists()
    finally:
        assert running.stop(signal.SIGTERM) == 0


def dumps(site: Site) -> list[str]:
    return sorted(path.name for path in site.volume("backups").glob("*.dump"))


def test_of_the_dumps_the_newest_are_kept_and_none_goes_before_a_new_one_is_whole(site: Site) -> None:
    """docker compose run --rm backup now"""
    folder = site.volume("backups")
    old = [f"valet-202001{day:02}T000000Z.dump" for day in range(1, 16)]
    for name in old:
        (folder / name).write_text("an old one")
        os.utime(folder / name, (0, 0))
    assert site.attempt("backup", "fresh").returncode == 1
    port = site.ports["postgres"]
    site.ports["postgres"] = 1
    try:
        failed = site.attempt("backup", "now")
    finally:
        site.ports["postgres"] = port
    assert failed.returncode and dumps(site) == old
    site.once("backup", "now")
    assert dumps(site)[:-1] == old[2:], "14 with the new one"
    assert site.attempt("backup", "fresh").returncode == 0
    made = folder / dumps(site)[-1]
    assert stat.S_IMODE(made.stat().st_mode) == 0o600 and made.stat().st_uid == 10001
    figure = (folder / "valet_backup.prom").read_text()
    assert re.fullmatch(r"valet_backup_last_success_timestamp_seconds \d{10}\n", figure)
    assert {path.suffix for path in folder.iterdir()} == {".dump", ".prom"}


def test_no_dump_is_missed_or_lost_over_a_clock_that_was_wrong_or_a_file_of_the_operators(site: Site) -> None:
    folder = site.volume("backups")
    for path in folder.glob("*.dump"):
        path.unlink()
    soon = time.time() + 86400 * 400
    others = ["valet-20990101T000000Z.dump", "valet-before-upgrade.dump"]
    old = [f"valet-202001{day:02}T000000Z.dump" for day in range(1, 15)]
    for name in [*others, *old]:
        (folder / name).write_text("an old one")
        os.utime(folder / name, (0, 0))
    os.utime(folder / others[0], (soon, soon))
    assert site.attempt("backup", "fresh").returncode == 1, "the one of a time to come is not today's"
    site.once("backup", "now")
    assert site.attempt("backup", "fresh").returncode == 0, "and the operator's is not the newest"
    [made] = set(dumps(site)) - {*others, *old}
    assert set(dumps(site)) == {*others, *old[1:], made}
    for name in others:
        (folder / name).unlink()


def test_a_ring_is_copied_once_also_beside_a_copy_of_a_time_to_come(tmp_path: Path) -> None:
    ring, kept = tmp_path / "keyring.json", tmp_path / "copies"
    kept.mkdir()
    ring.write_text('{"keys": {}}')
    (kept / "keyring-20990101T000000Z.json").write_text("of a clock that was wrong")
    command = ["sh", ROOT / "deploy/compose/keyring.sh", ring, kept, "now"]
    path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    said = [
        subprocess.run(command, env=path, capture_output=True, text=True, check=True).stdout for _ in range(2)
    ]
    assert said[0].startswith("key ring  copied as") and said[1] == ""


def test_a_ring_is_copied_when_it_changed_and_no_copy_is_removed(site: Site) -> None:
    """docker compose run --rm prepare valet keys rotate"""
    kept = site.volume("keyring-backups")
    for _ in range(2):
        site.once("backup-keyring", "now")
    assert len(list(kept.iterdir())) == 1
    ring = site.volume("keyring") / "keyring.json"
    assert site.attempt("connect", "valet", "keys", "rotate").returncode, "who serves only reads it"
    site.once("prepare", "valet", "keys", "rotate")
    [first] = kept.iterdir()
    first.rename(first.with_name("keyring-20200101T000000Z.json"))
    site.once("backup-keyring", "now")
    copies = sorted(kept.iterdir())
    assert len(copies) == 2 and copies[1].read_bytes() == ring.read_bytes() != copies[0].read_bytes()
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in copies)


def test_what_is_no_whole_ring_is_not_kept_as_a_copy(tmp_path: Path) -> None:
    """By the loop, as the service runs it: half a file, as a full disk leaves it, then the ring itself."""
    ring, kept = tmp_path / "keyring.json", tmp_path / "copies"
    kept.mkdir()
    ring.write_text('{"keys": {"main:1"')
    with subprocess.Popen(
        ["sh", ROOT / "deploy/compose/keyring.sh", ring, kept],
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "VALET_BACKUP_LOOK": "0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        try:
            assert running.stdout is not None
            said = (line for line in running.stdout if line.startswith("key ring"))
            assert "could not be copied" in next(said)
            (tmp_path / "whole").write_text('{"keys": {}}')
            (tmp_path / "whole").replace(ring)
            assert any(line.startswith("key ring  copied as") for line in said)
            [copy] = kept.iterdir()
            assert copy.read_text() == '{"keys": {}}'
        finally:
            running.terminate()
    assert running.returncode == 0


def drop_as_the_guide_says(site: Site, name: str) -> None:
    """The block of docs/operations.md, by TCP: PostgreSQL has no socket here."""
    [(_, block)] = sections()["What a restore leaves behind"]
    reached = {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(site.ports["postgres"]),
        "PGPASSWORD": passwords(site)[0],
    }
    way = [f"{key}={value}" for key, value in reached.items()]
    typed = [line.removeprefix("docker compose exec postgres ") for line in block.splitlines()]
    look, drop = map(shlex.split, typed)
    seen = site.container("postgres").run("env", *way, *look)
    assert seen.returncode == 0 and name in seen.stdout, seen.stderr
    gone = site.container("postgres").run("env", *way, *drop[:-1], name)
    assert gone.returncode == 0, gone.stderr


def test_a_dump_and_a_ring_bring_back_what_was(site: Site, tmp_path: Path) -> None:
    """The restore of docs/setup.md; last, for it ends the doors."""

    def ask(statement: str) -> list[str]:
        password = passwords(site)[1]
        owner = f"postgresql://valet_owner:{password}@127.0.0.1:{site.ports['postgres']}/valet"
        with psycopg.connect(owner, autocommit=True) as link:
            answer = link.execute(statement)  # type: ignore[arg-type]
            return [row[0] for row in answer.fetchall()] if answer.description else []

    assert site.container("connect").run("valet", "users", "allow", "bea@example.org").returncode == 0
    site.once("backup", "now")
    site.once("backup-keyring", "now")
    dump = f"/var/lib/valet/backups/{dumps(site)[-1]}"
    ask("DELETE FROM invitations")
    refused = site.attempt("restore", dump)
    assert refused.returncode == 2 and "Stop it first" in refused.stderr
    site.stop("nginx", *DOORS)
    assert "There is no Valet in" in site.attempt("restore", "/etc/passwd").stderr
    assert ask("SELECT entry FROM invitations") == []
    assert "is kept as valet_before_" in site.once("restore", dump)
    assert ask("SELECT entry FROM invitations") == ["bea@example.org"]
    left = "SELECT datname::text FROM pg_database WHERE datname ~ '^valet_(before|restoring)'"
    [before] = ask(left)
    drop_as_the_guide_says(site, before)
    assert ask(left) == [] and ask("SELECT entry FROM invitations") == ["bea@example.org"]
    ring, copy = site.volume("keyring") / "keyring.json", tmp_path / "keyring.json"
    shutil.copy(sorted(site.volume("keyring-backups").iterdir())[-1], copy)
    ring.write_text("{}")
    site.once("init", "keyring", "/run/given.json", given=(copy, "/run/given.json"))
    assert (site.volume("keyring") / "keyring.json.1").read_text() == "{}", "nothing is thrown away"
    site.once("prepare")
    assert "everything opens" in site.once("prepare", "valet", "keys", "verify")
