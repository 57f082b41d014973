"""The certificate of the public address, as a chat program meets it."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx2
from cryptography import x509

from valet.doctor.finding import Finding, fault, ok, warning
from valet.doctor.patient import Patient
from valet.doctor.wire import NEXT
from valet.settings import is_loopback

_SECONDS = 4.0
_SOON, _LATE = 14, 3
_OWN = "or, of an authority of your own (valet tls dev): SSL_CERT_FILE=AUTHORITY.pem valet doctor"
_RENEW = "renew it (docs/setup.md), then reload nginx"
# OpenSSL's X509_V_ERR_*: x509_vfy.h.
_WHY = {
    9: ("is not valid yet", "see whether the clocks are right; then " + _RENEW),
    10: ("has expired", _RENEW),
    18: ("signed itself, so no chat program trusts it", "get one by ACME (docs/setup.md)"),
    19: ("ends in an authority that nobody trusts", f"get one by ACME (docs/setup.md)\n{_OWN}"),
    20: ("comes without its chain, or from an authority that nobody trusts",
         f"give TLS_CERTIFICATE the whole chain (fullchain.pem)\n{_OWN}"),
    21: ("comes without its chain", "give TLS_CERTIFICATE the whole chain (fullchain.pem)"),
    62: ("is for another name", "get one for the host of PUBLIC_URL"),
    64: ("is for another address", "get one for the host of PUBLIC_URL"),
}  # fmt: skip


async def look(at: Patient) -> list[Finding]:
    """Chain, name and days left; nothing where the address is http."""
    parts = urlsplit(at.origin)
    if parts.scheme != "https":
        return []
    host, port = parts.hostname or "", parts.port or 443
    try:
        return [_left(await _met(host, port, httpx2.create_ssl_context()))]
    except ssl.SSLCertVerificationError as error:
        return [await _refused(host, port, error)]
    except ssl.SSLError as error:
        reason = str(error.reason or "no common version or cipher").replace("_", " ").lower()
        return [
            fault(
                f"no TLS with {host}: {reason}",
                "in the proxy: listen 443 ssl; and ssl_protocols TLSv1.2 TLSv1.3;",
            )
        ]
    except (OSError, TimeoutError):
        return []  # that nothing answers is said elsewhere


async def _met(host: str, port: int, context: ssl.SSLContext) -> x509.Certificate:
    async with asyncio.timeout(_SECONDS):
        _, writer = await asyncio.open_connection(
            host, port, ssl=context, server_hostname=host, happy_eyeballs_delay=NEXT
        )
    try:
        raw = writer.get_extra_info("ssl_object").getpeercert(True)
    finally:
        writer.close()
        with suppress(OSError, TimeoutError, ssl.SSLError):
            async with asyncio.timeout(1):
                await writer.wait_closed()
    return x509.load_der_x509_certificate(raw)


async def _refused(host: str, port: int, error: ssl.SSLCertVerificationError) -> Finding:
    text, fix = _WHY.get(error.verify_code, (f"is refused: {error.verify_message}", _RENEW))
    said = f"the certificate of {host} {text}"
    if error.verify_code == 10:
        with suppress(OSError, TimeoutError, ssl.SSLError, ValueError):
            met = await _met(host, port, httpx2.create_ssl_context(verify=False))
            said += f" on {met.not_valid_after_utc:%Y-%m-%d}"
    if is_loopback(host) and error.verify_code in {18, 19, 20, 21}:
        return warning(
            said,
            "on this machine alone: let its programs trust the authority that valet tls dev made, or say "
            "SSL_CERT_FILE and, for Node, NODE_EXTRA_CA_CERTS",
        )
    return fault(said, fix)


def _left(certificate: x509.Certificate) -> Finding:
    until = certificate.not_valid_after_utc
    days = (until - datetime.now(UTC)).days
    said = f"the certificate is good for {days} day{'s' * (days != 1)}, until {until:%Y-%m-%d}"
    if days < _LATE:
        return fault(said, _RENEW)
    return warning(said, _RENEW) if days < _SOON else ok(said)
