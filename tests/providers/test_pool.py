"""The pool of connections to upstreams: which one is used again, and whose certificate is believed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from providers.transport import Transport
from providers.wire import pooled

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Far:
    """An upstream that notes its connections, and ends them when it is told to."""

    def __init__(self) -> None:
        self.lines: list[asyncio.StreamWriter] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.lines.append(writer)
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            writer.write(ANSWER)

    async def hang_up(self) -> None:
        """End all of them, and wait until that has been sent."""
        for line in self.lines:
            line.close()
            await line.wait_closed()


@pytest.fixture
async def far() -> AsyncIterator[Far]:
    made = Far()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    await made.hang_up()
    server.close()


async def test_a_quiet_connection_is_used_again_and_one_that_was_ended_is_not(far: Far) -> None:
    """A POST is not sent again where a connection breaks: so it must not go into one that is over."""
    async with Transport() as transport:

        async def post() -> None:
            request = httpx2.Request("POST", f"http://127.0.0.1:{far.port}/")
            assert (await transport.within(10).handle_async_request(request)).content == b"ok"

        await post()
        await post()
        assert len(far.lines) == 1
        await far.hang_up()
        await post()
        assert len(far.lines) == 2


async def test_nobody_s_certificate_but_a_known_authority_s_is_believed(tmp_path: Path) -> None:
    file, far = self_signed(tmp_path), Far()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = await asyncio.start_server(far.serve, "127.0.0.1", 0, ssl=context)
    known = pooled(httpx2.Limits(max_connections=1), ssl.create_default_context(cafile=file))
    async with server, Transport() as transport, Transport(known) as knowing:
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
        with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await transport.within(10).handle_async_request(httpx2.Request("GET", url))
        assert far.lines == []
        for _ in range(2):
            answer = await knowing.within(10).handle_async_request(httpx2.Request("GET", url))
            assert answer.content == b"ok"
        assert len(far.lines) == 1, "also behind TLS a quiet one is used again"


def self_signed(folder: Path) -> Path:
    """A certificate for localhost that vouches for itself, and its key, in one file."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")]),
    )
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "self.pem"
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return file
