"""Through nginx with TLS, both doors apart: what the doctor says where all is well, and where it is not."""

from __future__ import annotations

import asyncio
import datetime
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.support.doors import ROOT, DoorProcess, run
from tests.support.emulator import CLIENT, SECRET, EmulatorProcess
from tests.support.nginx import Nginx
from tests.support.ports import free_port
from tests.valet.doctor.conftest import CANARIES, Site, founded, look, only
from valet.doctor import address, tls
from valet.doctor.finding import Finding, ok
from valet.doctor.patient import Patient

THROUGH = ("address", "certificate", "/mcp", "documents")


@dataclass
class Front:
    """nginx before an MCP worker and a sidecar. `behind` are nginx's variables for them."""

    site: Site
    nginx: Nginx
    behind: dict[str, str]
    folder: Path

    @contextmanager
    def changed(self, changes: dict[str, str], **values: str) -> Iterator[None]:
        """The same nginx with another configuration, for a while."""
        self.nginx.stop()
        before = self.nginx.changes, self.nginx.given
        self.nginx.changes, self.nginx.given = changes, {**self.behind, **values}
        try:
            self.nginx.start()
            yield
        finally:
            self.nginx.stop()
            self.nginx.changes, self.nginx.given = before
            self.nginx.start()


@pytest.fixture(scope="module")
def front(
    server_url: str, emulator: EmulatorProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("front")
    nginx = Nginx(folder)
    with founded(server_url, folder) as site, ExitStack() as stack:
        site.environment = {
            "PUBLIC_URL": nginx.url,
            "DATABASE_URL": site.app,
            "VALET_KEYRING": str(folder / "keyring.json"),
            "VALET_TRUSTED_PROXIES": "127.0.0.1",
            "VALET_EMULATOR_ORIGIN": emulator.origin,
            "SPOTIFY_CLIENT_ID": CLIENT,
            "SPOTIFY_CLIENT_SECRET": SECRET,
        }
        prepared = run(
            "prepare", given={**site.environment, "MIGRATION_DATABASE_URL": site.owner}, folder=folder
        )
        assert prepared.returncode == 0, prepared.stderr
        worker = stack.enter_context(DoorProcess("mcp_server", site.environment, folder))
        sidecar = stack.enter_context(DoorProcess("connect", site.environment, folder))
        behind = {"MCP_1": worker.address, "CONNECT_1": sidecar.address}
        nginx.given = behind
        stack.enter_context(nginx)
        yield Front(site, nginx, behind, folder)


@pytest.fixture
def trusting(front: Front, monkeypatch: pytest.MonkeyPatch) -> Front:
    """As on a machine that trusts the authority of `valet tls dev`."""
    monkeypatch.setenv("SSL_CERT_FILE", str(front.nginx.authority))
    return front


def troubles(found: dict[str, list[Finding]]) -> list[Finding]:
    return [each for several in found.values() for each in several if each.level in {"warning", "fault"}]


def test_through_nginx_all_is_well_in_every_examination(trusting: Front) -> None:
    found = look(trusting.site)
    assert troubles(found) == []
    assert "is this Valet" in found["address"][0].text
    assert "through a proxy that is believed" in found["address"][1].text
    assert "the certificate is good for" in found["certificate"][0].text
    assert "files of 25 MB pass" in found["files"][0].text
    assert "mcp_server" in found["processes"][0].text and "connect" in found["processes"][0].text


def test_the_command_says_so_from_a_terminal(trusting: Front) -> None:
    environment = {
        **trusting.site.environment, "PYTHONPATH": str(ROOT), "HOME": os.environ["HOME"],
        "SSL_CERT_FILE": str(trusting.nginx.authority),
    }  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-m", "valet", "doctor"],
        cwd=trusting.folder, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert not any(canary in ran.stdout + ran.stderr for canary in CANARIES)


def test_a_certificate_that_nobody_trusts_is_told(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    told = only(look(front.site, "certificate")["certificate"], "warning")
    assert "nobody trusts" in told.text and "NODE_EXTRA_CA_CERTS" in told.fix


def test_one_of_an_authority_of_ones_own_is_told_how_to_be_trusted(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a name of a private network. This address leads to loopback too, and is none."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    at = SimpleNamespace(origin=f"https://0.0.0.0:{front.nginx.https_port}")
    told = only(asyncio.run(tls.look(cast(Patient, at))), "fault")
    assert "nobody trusts" in told.text
    assert "SSL_CERT_FILE=AUTHORITY.pem" in told.fix


@pytest.mark.parametrize(
    ("days", "name", "level", "text"),
    [(-1, "127.0.0.1", "fault", "has expired on"), (2, "127.0.0.1", "fault", "good for 2 days"),
     (1, "127.0.0.1", "fault", "good for 1 day,"),
     (10, "127.0.0.1", "warning", "good for 10 days"), (90, "192.0.2.1", "fault", "is for another")],
    ids=["expired", "late", "last day", "soon", "name"],
)  # fmt: skip
def test_a_certificate_that_is_not_right_is_told(
    front: Front, monkeypatch: pytest.MonkeyPatch, days: int, name: str, level: str, text: str
) -> None:
    files = [front.folder / f"{each}-{days}.pem" for each in ("authority", "certificate", "key")]
    _issue(*files, days, name)
    authority, certificate, key = map(str, files)
    monkeypatch.setenv("SSL_CERT_FILE", authority)
    with front.changed({}, TLS_CERTIFICATE=certificate, TLS_KEY=key):
        told = only(look(front.site, "certificate")["certificate"], level)
    assert text in told.text and told.fix


def _issue(authority: Path, certificate: Path, key: Path, days: int, name: str) -> None:
    """A certificate for that address, good for so many days, by an authority of its own."""
    above, secret = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root, leaf = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{each} {days}")]) for each in ("root", "leaf")
    )
    now = datetime.datetime.now(datetime.UTC)
    for file, who, holder, until, more in (
        (authority, root, above, 400, x509.BasicConstraints(ca=True, path_length=None)),
        (certificate, leaf, secret, days, x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))])),
    ):  # fmt: skip
        made = (
            x509.CertificateBuilder().subject_name(who).issuer_name(root).public_key(holder.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=30))
            .not_valid_after(now + datetime.timedelta(days=until, hours=1))
            .add_extension(more, file == authority).sign(above, hashes.SHA256())
        )  # fmt: skip
        file.write_bytes(made.public_bytes(Encoding.PEM))
    key.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


SAYS_WHO = "proxy_set_header X-Forwarded-For $remote_addr;"
HOST = "proxy_set_header Host $our_authority;"
PAGES = """        location / {
            limit_req zone=pages burst=500 nodelay;"""


ASIDE = "proxy_request_buffering off;\n            proxy_buffering off;"


@pytest.mark.parametrize(
    ("changes", "where", "level", "text", "fix"),
    [
        ({HOST: "proxy_set_header Host inner;"}, "address", "fault", "the Host that arrives", "$http_host"),
        ({SAYS_WHO: ""}, "address", "warning", "does not say whose request", "X-Forwarded-For $remote_addr"),
        ({SAYS_WHO: "proxy_set_header X-Forwarded-For $http_x_forwarded_for;"}, "address", "fault",
         "whose address they have", "VALET_TRUSTED_PROXIES"),
        ({PAGES: "location ^~ /.well-known/ { return 404; }\n" + PAGES}, "documents", "fault",
         "answers 404", "acme-challenge"),
        ({PAGES: "location ^~ /.well-known/ { return 200 hello; }\n" + PAGES}, "documents", "fault",
         "is no JSON", "acme-challenge"),
        ({"client_max_body_size 1000000;": "client_max_body_size 100k;"}, "/mcp", "fault",
         "does not take a request of 0.9 MB", "client_max_body_size 1m"),
        ({"proxy_pass http://workers;": "proxy_pass http://sidecars;"}, "/mcp", "fault",
         "leads to the sidecar", "exactly /mcp"),
        ({"proxy_pass http://workers;": "proxy_hide_header WWW-Authenticate; proxy_pass http://workers;"},
         "/mcp", "fault", "does not say where a token", "pass WWW-Authenticate on"),
        ({"proxy_pass http://workers;": "return 404;"}, "/mcp", "fault", "should 401", "location = /mcp"),
        ({PAGES: PAGES + "proxy_hide_header Access-Control-Allow-Origin;"}, "documents", "fault",
         "without Access-Control-Allow-Origin", "own headers"),
        ({"large_client_header_buffers 2 8k;": "large_client_header_buffers 2 4k;"}, "address", "warning",
         "a header of 6 KB does not pass (400)", "large_client_header_buffers 2 8k;"),
        ({PAGES: "location = /probe { return 200 hello; }\n" + PAGES}, "address", "fault",
         "or a cache", "cache nothing"),
        ({PAGES: "location = /probe { return 301 https://www.example.org/; }\n" + PAGES}, "address", "fault",
         "sends to https://www.example.org", "set PUBLIC_URL"),
        ({"client_max_body_size 26m;": "client_max_body_size 1m;"}, "files", "fault",
         "25 MB does not get in (413 by nginx)", "client_max_body_size 26m;"),
        ({ASIDE: "proxy_buffering off;"}, "files", "warning",
         "buffers a file that comes in", "proxy_request_buffering off;"),
        ({ASIDE: "proxy_request_buffering off;"}, "files", "warning",
         "buffers a file that goes out", " proxy_buffering off;"),
    ],
    ids=["host", "silent", "gullible", "well-known", "pages", "body", "mixed up", "challenge", "no door",
         "CORS", "header", "cache", "elsewhere", "files", "kept coming in", "kept going out"],
)  # fmt: skip
def test_a_front_that_is_wrong_is_told_with_the_line_that_mends_it(
    trusting: Front, changes: dict[str, str], where: str, level: str, text: str, fix: str
) -> None:
    with trusting.changed(changes):
        told = only(look(trusting.site, where)[where], level)
    assert text in told.text and fix in told.fix


PLAIN = "            return 301 $our_origin$request_uri;"


def test_where_http_leads_is_told(front: Front) -> None:
    at = cast(Patient, SimpleNamespace(origin=front.nginx.url))

    def http(port: int) -> Finding:
        [told] = asyncio.run(address._http(at, port))
        return told

    leads = ok("http leads to https")
    assert http(front.nginx.http_port) == leads
    silent = http(free_port())
    assert silent.level == "note" and "http is not answered" in silent.text
    with front.changed({PLAIN: "return 302 $our_origin$request_uri;"}):
        assert http(front.nginx.http_port) == leads
    for plain in ("return 301 https://www.example.org/;", "return 200 hello;"):
        with front.changed({PLAIN: plain}):
            told = http(front.nginx.http_port)
        assert told.level == "warning" and f"does not lead to {at.origin}" in told.text
        assert "on port 80: return 308" in told.fix


def test_a_port_that_speaks_no_tls_is_told(front: Front) -> None:
    at = SimpleNamespace(origin=f"https://127.0.0.1:{front.nginx.http_port}")
    told = only(asyncio.run(tls.look(cast(Patient, at))), "fault")
    assert "no TLS with 127.0.0.1: " in told.text and "listen 443 ssl;" in told.fix


def test_a_proxy_that_is_not_named_is_told_with_its_address(trusting: Front) -> None:
    site = trusting.site
    environment = {**site.environment, "VALET_TRUSTED_PROXIES": ""}
    with (
        DoorProcess("connect", environment, trusting.folder) as other,
        trusting.changed({}, CONNECT_1=other.address, CONNECT_2=other.address),
    ):
        told = only(look(site, "address")["address"], "warning")
    assert "is not believed" in told.text and told.fix == "VALET_TRUSTED_PROXIES=127.0.0.1"


def test_another_valet_at_the_address_is_told(trusting: Front, server_url: str, tmp_path: Path) -> None:
    """Another database and key ring, the same PUBLIC_URL: nothing but the proof tells it from ours."""
    with founded(server_url, tmp_path) as other:
        environment = {**trusting.site.environment, "DATABASE_URL": other.app,
                       "VALET_KEYRING": str(tmp_path / "keyring.json")}  # fmt: skip
        given = {**environment, "MIGRATION_DATABASE_URL": other.owner}
        assert run("prepare", given=given, folder=tmp_path).returncode == 0
        with (
            DoorProcess("connect", environment, tmp_path) as sidecar,
            trusting.changed({}, CONNECT_1=sidecar.address, CONNECT_2=sidecar.address),
        ):
            told = only(look(trusting.site, "address")["address"], "fault")
    assert "another database or key ring" in told.text


def test_workers_that_are_not_reached_are_told(trusting: Front) -> None:
    nowhere = {name: "127.0.0.1:9" for name in ("MCP_1", "MCP_2", "CONNECT_1", "CONNECT_2")}
    with trusting.changed({}, **nowhere):
        found = look(trusting.site, *THROUGH)
    assert "does not reach the sidecar" in only(found["address"], "fault").text
    assert "does not reach a worker" in only(found["/mcp"], "fault").text
    trusting.nginx.stop()
    try:
        found = look(trusting.site, *THROUGH)
    finally:
        trusting.nginx.start()
    told = only(found["address"], "fault")
    assert "nothing answers" in told.text and "DNS" in told.fix
    assert set(found) == {"address"}, "said once"


def test_an_issuer_that_is_not_the_address_is_told(trusting: Front) -> None:
    """The processes have another PUBLIC_URL than the settings here, and the proxy hides it."""
    site, odd = trusting.site, "https://localhost:1"
    environment = {**site.environment, "PUBLIC_URL": odd}
    with ExitStack() as stack:
        worker = stack.enter_context(DoorProcess("mcp_server", environment, trusting.folder))
        sidecar = stack.enter_context(DoorProcess("connect", environment, trusting.folder))
        behind = {"MCP_1": worker.address, "MCP_2": worker.address,
                  "CONNECT_1": sidecar.address, "CONNECT_2": sidecar.address}  # fmt: skip
        stack.enter_context(trusting.changed({HOST: "proxy_set_header Host localhost:1;"}, **behind))
        found = look(site, "documents", "/mcp", "processes")
    told = next(each for each in found["documents"] if "issuer" in each.text)
    assert odd in told.text and f"PUBLIC_URL={trusting.nginx.url}" in told.fix
    assert odd in only(found["/mcp"], "fault").text
    assert all(odd in each.text for each in found["processes"] if each.level == "fault")
