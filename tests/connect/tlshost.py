"""A web host that speaks TLS under a certificate of our own authority, and answers what it is told to."""

from __future__ import annotations

import asyncio
import datetime
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


def answer(body: bytes, *headers: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """A whole HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def document(url: str, **changes: Any) -> dict[str, Any]:
    """A good client-id document; None leaves a field out."""
    made = {
        "client_id": url,
        "client_name": "A chat",
        "redirect_uris": ["https://chat.example/cb", "http://localhost/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


_SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """A certificate authority of the tests', as strict clients want one (RFC 5280, 4.2.1)."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority of the tests")])
        built = self._builder(self._name, self._key.public_key())
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        built = built.add_extension(_SIGNS, critical=True)
        built = built.add_extension(self._known_by, critical=False)
        self._certificate = built.sign(self._key, hashes.SHA256())

    @property
    def _known_by(self) -> x509.SubjectKeyIdentifier:
        return x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=90))
        )

    @property
    def pem(self) -> str:
        """Its certificate."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def trusted(self) -> ssl.SSLContext:
        """What a client uses that trusts this authority alone."""
        return ssl.create_default_context(cadata=self.pem)

    def server(self, host: str, folder: Path) -> ssl.SSLContext:
        """What a server uses that this authority says is `host`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certify(folder, host))
        return context

    def certify(self, folder: Path, host: str, *more: str) -> Path:
        """Key and certificate, in one file, of who has all those names."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(name) for name in (host, *more)])
        built = self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]), key.public_key())
        built = built.add_extension(names, critical=False)
        signer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._known_by)
        built = built.add_extension(signer, critical=False)
        file = folder / f"{host}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(
            private + built.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )
        return file


class TlsHost:
    """One host on a loopback port. `answers` by path; what it saw is in `heads` and `names` (SNI)."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.heads: list[str] = []
        self.names: list[str | None] = []
        self.port = 0

    def serve(self, path: str, made: dict[str, Any], *headers: str) -> None:
        """Answer a document at a path."""
        self.answers[path] = answer(json.dumps(made).encode(), *headers)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            given = self.answers.get(head.split(" ", 2)[1], answer(b"", status="404 Not Found"))
            if isinstance(given, bytes):
                writer.write(given)
                await writer.drain()
            else:
                await given(writer)
        writer.close()


@asynccontextmanager
async def tls_host(context: ssl.SSLContext, address: str = "127.0.0.1") -> AsyncIterator[TlsHost]:
    """A host that runs for as long as the block."""
    host = TlsHost()

    def note(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
        host.names.append(name)

    context.sni_callback = note  # type: ignore[assignment]
    server = await asyncio.start_server(host.handle, address, 0, ssl=context)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()
