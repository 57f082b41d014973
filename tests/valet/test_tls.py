"""`valet tls dev`: a certificate that programs take, by an authority that can vouch for nothing else."""

from __future__ import annotations

import socket
import ssl
import stat
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tests.support.doors import run
from valet.refusal import NotDone
from valet.tls import LIFE, RENEWAL, Pair, ensure

NOW = datetime.now(UTC)


def handshake(pair: Pair, host: str, trusted: Path | None = None) -> str | None:
    """How a client that trusts the authority alone takes the certificate for `host`: None, or why not."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pair.certificate, pair.key)
    client = ssl.create_default_context(cafile=str(trusted or pair.authority))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client.wrap_socket(ours, server_hostname=host).close()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    finally:
        ours.close()
        thread.join()
    return None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_on_this_machine_every_spelling_is_good(host: str, tmp_path: Path) -> None:
    assert ensure(tmp_path, host)
    for spelling in ("127.0.0.1", "localhost", "::1"):
        assert handshake(Pair(tmp_path), spelling) is None
    assert handshake(Pair(tmp_path), "valet.example") is not None


@pytest.mark.parametrize("host", ["valet.home.arpa", "192.168.7.9", "fd00::9", "nas"])
def test_in_a_private_network_it_is_good_for_that_host_only(host: str, tmp_path: Path) -> None:
    ensure(tmp_path, host)
    assert handshake(Pair(tmp_path), host) is None
    assert "mismatch" in str(handshake(Pair(tmp_path), "127.0.0.1"))


@pytest.mark.parametrize(
    ("ours", "stranger"),
    [("valet.home.arpa", "bank.example"), ("valet.home.arpa", "192.0.2.1"), ("192.168.7.9", "192.168.7.8"),
     ("192.168.7.9", "bank.example"), ("localhost", "bank.example"), ("127.0.0.1", "127.0.0.2")],
)  # fmt: skip
def test_a_stolen_authority_vouches_for_nobody_else(ours: str, stranger: str, tmp_path: Path) -> None:
    """Its own key signs for another host: no client that trusts it takes that."""
    from valet import tls

    ensure(tmp_path, ours)
    pair = Pair(tmp_path)
    held = tls._read(pair.authority, pair.authority_key)
    assert held is not None
    forged = tls._leaf(stranger, [tls._name(stranger)], held, NOW)
    tls._write(pair.key, tls._private_pem(forged.key))
    tls._write(pair.certificate, tls._pem(forged.certificate) + tls._pem(held.certificate))
    assert "permitted subtree violation" in str(handshake(pair, stranger)) or "excluded" in str(
        handshake(pair, stranger)
    )


def test_every_file_is_its_owners_only(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    ensure(folder, "localhost")
    files = list(folder.iterdir())
    assert len(files) == 4
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_openssl_agrees(tmp_path: Path) -> None:
    ensure(tmp_path, "nas")
    pair = Pair(tmp_path)
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "nas"]
    command += ["-CAfile", str(pair.authority), str(pair.certificate)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    "host",
    [f"{'a' * 63}.home.arpa", ".".join(["valet"] * 42), "my_server", "müller.local"],
    ids=["label", "name", "underscore", "umlaut"],
)
def test_a_name_of_any_length_gets_one(host: str, tmp_path: Path) -> None:
    assert ensure(tmp_path, host) and not ensure(tmp_path, host)
    assert handshake(Pair(tmp_path), host) is None


@pytest.mark.parametrize(
    "host", ["a b", "*", "*.example", "..", "-", "foo/bar", "a\nb", "\x1b[31m", f"{'a.' * 150}a", "a" * 64],
    ids=range(10)
)  # fmt: skip
def test_what_is_no_name_is_a_sentence(host: str, tmp_path: Path) -> None:
    with pytest.raises(NotDone, match=r"is no host name\. Nothing was made\.") as refused:
        ensure(tmp_path / "tls", host)
    assert str(refused.value).isprintable() and not (tmp_path / "tls").exists()


def test_again_changes_nothing_until_it_ends_soon(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    ensure(tmp_path, "nas", NOW)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    assert not ensure(tmp_path, "nas", NOW + LIFE - RENEWAL - timedelta(days=1))
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert ensure(tmp_path, "nas", NOW + LIFE - RENEWAL + timedelta(days=1))
    assert pair.authority.read_bytes() == before[pair.authority], "it has been trusted: it stays"
    assert pair.certificate.read_bytes() != before[pair.certificate]


def test_an_authority_that_ends_before_what_it_signs_is_made_anew(tmp_path: Path) -> None:
    ensure(tmp_path, "nas", NOW - timedelta(days=3400))
    before = Pair(tmp_path).authority.read_bytes()
    assert ensure(tmp_path, "nas", NOW)
    assert Pair(tmp_path).authority.read_bytes() != before
    assert handshake(Pair(tmp_path), "nas") is None


@pytest.mark.parametrize("damaged", ["certificate.pem", "key.pem", "authority.pem", "authority-key.pem"])
@pytest.mark.parametrize("how", ["gone", "half"])
def test_what_is_damaged_is_made_anew(damaged: str, how: str, tmp_path: Path) -> None:
    ensure(tmp_path, "nas")
    file = tmp_path / damaged
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:100])
    assert ensure(tmp_path, "nas")
    assert handshake(Pair(tmp_path), "nas") is None


def test_another_host_gets_another_authority(tmp_path: Path) -> None:
    ensure(tmp_path, "nas")
    assert ensure(tmp_path, "localhost")
    assert handshake(Pair(tmp_path), "localhost") is None


def test_it_lives_no_longer_than_programs_take(tmp_path: Path) -> None:
    ensure(tmp_path, "nas")
    shown = x509.load_pem_x509_certificate(Pair(tmp_path).certificate.read_bytes())
    assert shown.not_valid_after_utc - shown.not_valid_before_utc <= timedelta(days=398)


def test_the_command_says_where_the_files_are_and_what_to_trust(tmp_path: Path) -> None:
    given = {"PUBLIC_URL": "https://localhost:8443", "VALET_DATA_DIR": str(tmp_path)}
    for _ in range(2):
        ran = run("tls", "dev", given=given, folder=tmp_path)
        assert ran.returncode == 0, ran.stderr
        assert str(tmp_path / "tls" / "authority.pem") in ran.stdout and "PRIVATE" not in ran.stdout
    assert "is there" in ran.stdout and not ran.stderr
    elsewhere = run("tls", "dev", "--host", "valet.example.org", "--out", "x", given=given, folder=tmp_path)
    assert elsewhere.returncode == 0 and "ACME" in elsewhere.stderr
    assert (tmp_path / "x" / "certificate.pem").exists()


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:8420", "https://"])
def test_without_an_https_address_it_makes_nothing(url: str, tmp_path: Path) -> None:
    ran = run("tls", "dev", "--out", "x", given={"PUBLIC_URL": url} if url else {}, folder=tmp_path)
    assert ran.returncode == 2 and "PUBLIC_URL" in ran.stderr and not (tmp_path / "x").exists()


def test_a_folder_that_can_not_be_written_to_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = run("tls", "dev", "--host", "nas", "--out", "file/x", given={}, folder=tmp_path)
    assert ran.returncode == 2 and "--out" in ran.stderr and "Traceback" not in ran.stderr
