"""Certificates that a chat program would refuse, served by TLS as it comes: what the doctor calls them."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.valet.doctor.conftest import only
from valet.doctor import tls
from valet.doctor.patient import Patient

NAME = "valet.example"
DAY = datetime.timedelta(days=1)
Key = ec.EllipticCurvePrivateKey


def new() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def certificate(
    of: str, key: Key, by: str, signer: Key, *, ca: bool = False, name: str = NAME, since: int = -30
) -> bytes:
    """A certificate in PEM. `since`: the day from which it is good, for 60 days, counted from today."""
    begins = datetime.datetime.now(datetime.UTC) + since * DAY
    made = x509.CertificateBuilder(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, by)]),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, of)]),
        key.public_key(),
        x509.random_serial_number(),
        begins,
        begins + 60 * DAY,
    )
    made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return made.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM)


@asynccontextmanager
async def served(folder: Path, chain: bytes, key: Key) -> AsyncIterator[int]:
    """The port of a server with that certificate."""
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "served.pem").write_bytes(chain + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "served.pem")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def leads(patch: pytest.MonkeyPatch, port: int, *addresses: str) -> Patient:
    """Whose public name leads to these addresses of this machine, in that order."""
    known = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]
    patch.setattr(socket, "getaddrinfo", lambda *_, **__: known)
    return cast(Patient, SimpleNamespace(origin=f"https://{NAME}:{port}"))


ROOT, BETWEEN, LEAF = new(), new(), new()
TRUSTED = certificate("root", ROOT, "root", ROOT, ca=True)


@pytest.mark.parametrize(
    ("chain", "key", "text"),
    [
        (certificate("leaf", LEAF, "root", ROOT, since=2), LEAF, "is not valid yet"),
        (certificate("alone", LEAF, "alone", LEAF), LEAF, "signed itself"),
        (certificate("leaf", LEAF, "between", BETWEEN), LEAF, "comes without its chain"),
        (certificate("leaf", LEAF, "root", ROOT, name="other.example"), LEAF, "is for another name"),
    ],
    ids=["not yet", "of its own", "no chain", "name"],
)
async def test_a_certificate_that_is_refused_is_told_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chain: bytes, key: Key, text: str
) -> None:
    (tmp_path / "root.pem").write_bytes(TRUSTED)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))
    async with served(tmp_path, chain, key) as port:
        at = leads(monkeypatch, port, "127.0.0.1")
        told = only(await tls.look(at), "fault")
    assert told.text.startswith(f"the certificate of {NAME} {text}") and told.fix


async def test_an_address_of_the_name_that_does_not_answer_hides_no_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = certificate("leaf", LEAF, "between", BETWEEN) + certificate(
        "between", BETWEEN, "root", ROOT, ca=True
    )
    (tmp_path / "root.pem").write_bytes(TRUSTED)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))
    async with served(tmp_path, chain, LEAF) as port:
        with socket.socket() as full:
            full.bind(("127.0.0.2", port))
            full.listen(0)
            with socket.create_connection(("127.0.0.2", port)):  # the one that it has room for
                at = leads(monkeypatch, port, "127.0.0.2", "127.0.0.1")
                told = only(await tls.look(at), "ok")
    assert "is good for 29 days" in told.text
