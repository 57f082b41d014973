"""`valet tls dev`: a certificate for this machine or a private network, by an authority of its own.

A public name gets its certificate by ACME (docs/setup.md); no chat service on the internet trusts this one.
"""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from valet.banner import step
from valet.embedded import default_data_dir
from valet.refusal import NotDone, spoken
from valet.settings import environment, is_loopback

AUTHORITY_LIFE = timedelta(days=3650)
LIFE = timedelta(days=397)
"""Of the certificate: Apple's programs trust none that is good for more than 398 days
(support.apple.com/102028)."""
RENEWAL = timedelta(days=30)
"""A certificate that is good for less than this is made anew."""

# Letters, digits and hyphens between dots (RFC 1123, 2.1), and the underscore that container networks take.
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.?")

app = typer.Typer(no_args_is_help=True, help="Certificates for https where no public authority gives one.")


@app.callback()
def prepare() -> None:
    """What every command does first."""


Out = Annotated[
    Path | None, typer.Option("--out", help="The folder for the files. Default: tls in the data folder.")
]
Host = Annotated[str | None, typer.Option("--host", help="Another host than that of PUBLIC_URL.")]


@app.command("dev")
def dev(out: Out = None, host: Host = None) -> None:
    """Make certificate and key for the host of PUBLIC_URL, by an authority that may vouch for that host only.

    For loopback and private networks. Run again, it renews what ends within 30 days and changes nothing else.
    """
    with spoken():
        values = environment()
        name = host or _host_of(values.get("PUBLIC_URL", ""))
        data = values.get("VALET_DATA_DIR")
        folder = out or (Path(data) if data else default_data_dir()) / "tls"
        try:
            made = ensure(folder, name)
        except OSError as error:
            # Not its text: that of a path is enough, and said below.
            raise NotDone(
                f"{folder} can't be written to ({error.strerror}). Nothing was changed that was there; name "
                "another folder with --out."
            ) from None
    pair = Pair(folder)
    step("certificate" if made else "certificate is there", f"{pair.certificate}, for {name}")
    step("key", str(pair.key))
    step("authority", f"{pair.authority}: trust it where you open Valet; it can vouch for {name} only")
    if not _private(name):
        sys.stderr.write(
            f"{name} looks public: no browser or chat service trusts this certificate. Get one by ACME.\n"
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """The files in a folder: what a server shows, its key, and who vouches for it."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """PEM: the certificate, then the authority's."""
        return self.folder / "certificate.pem"

    @property
    def key(self) -> Path:
        """PEM, PKCS #8, not encrypted."""
        return self.folder / "key.pem"

    @property
    def authority(self) -> Path:
        """PEM: what a client has to trust."""
        return self.folder / "authority.pem"

    @property
    def authority_key(self) -> Path:
        """PEM, PKCS #8. It signs for the names in the authority's certificate, and for no others."""
        return self.folder / "authority-key.pem"


def ensure(folder: Path, host: str, now: datetime | None = None) -> bool:
    """Certificate and key for `host` in `folder`, all files 0600. True where something was made.

    The authority stays over a renewal, so that it has to be trusted once; another host gets another.
    Raises OSError.
    """
    now = now or datetime.now(UTC)
    pair = Pair(folder)
    names = _names(host)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = _read(pair.authority, pair.authority_key)
    if held is None or not _vouches(held.certificate, names, now):
        held = _authority(names, now)
        _write(pair.authority, _pem(held.certificate))
        _write(pair.authority_key, _private_pem(held.key))
    elif _good(_read(pair.certificate, pair.key), held, now):
        return False
    shown = _leaf(host, names, held, now)
    # The key first: who reads between the two has an old certificate whose key does not fit, and says so.
    _write(pair.key, _private_pem(shown.key))
    _write(pair.certificate, _pem(shown.certificate) + _pem(held.certificate))
    return True


@dataclass(frozen=True, slots=True)
class _Held:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def _host_of(public_url: str) -> str:
    host = urlsplit(public_url).hostname if public_url.startswith("https://") else None
    if not host:
        raise NotDone(
            "PUBLIC_URL is not an https address; set it, or name the host with --host. Nothing was made."
        )
    return host


def _private(host: str) -> bool:
    """Is it of this machine or a private network, as far as its spelling tells?"""
    if is_loopback(host) or "." not in host.rstrip("."):
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        # RFC 6761, RFC 6762, RFC 8375, and what ICANN keeps for private use.
        return host.rstrip(".").endswith((".localhost", ".local", ".home.arpa", ".internal", ".test"))


def _names(host: str) -> list[x509.GeneralName]:
    """What the certificate is for: the host, and on this machine each of its spellings."""
    spellings = [host]
    if is_loopback(host):
        spellings += [name for name in ("localhost", "127.0.0.1", "::1") if name != host]
    return [_name(spelling) for spelling in spellings]


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        name = host.encode("idna").decode("ascii").lower()
    except ValueError:
        name = ""
    if len(name) > 253 or not _HOST.fullmatch(name):
        raise NotDone(f"{host!a} is no host name. Nothing was made.")
    return x509.DNSName(name)


def _constraint(name: x509.GeneralName) -> x509.GeneralName:
    """The same as a limit (RFC 5280, 4.2.1.10): an address needs its mask."""
    return x509.IPAddress(ipaddress.ip_network(name.value)) if isinstance(name, x509.IPAddress) else name


def _authority(names: Sequence[x509.GeneralName], now: datetime) -> _Held:
    key = ec.generate_private_key(ec.SECP256R1())
    # Its name holds a number: browsers mix up two authorities of one name. It has 64 characters at most.
    about = f"Valet on {names[0].value}"[:55]
    called = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Valet"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{about} {os.urandom(4).hex()}"),
        ]
    )
    built = _builder(called, called, key.public_key(), now, AUTHORITY_LIFE)
    built = built.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    built = built.add_extension(_usage(signs=True), critical=True)
    limits = [_constraint(name) for name in names]
    # A kind of name without a limit is free, so each kind has one: nothing at all where none is ours.
    nowhere = (
        [x509.IPAddress(ipaddress.ip_network("0.0.0.0/0")), x509.IPAddress(ipaddress.ip_network("::/0"))]
        if not any(isinstance(name, x509.IPAddress) for name in names)
        else None
    )
    if not any(isinstance(name, x509.DNSName) for name in names):
        limits.append(x509.DNSName("invalid"))
    built = built.add_extension(x509.NameConstraints(limits, nowhere), critical=True)
    return _Held(built.sign(key, hashes.SHA256()), key)


def _leaf(host: str, names: Sequence[x509.GeneralName], by: _Held, now: datetime) -> _Held:
    key = ec.generate_private_key(ec.SECP256R1())
    # Not the host alone: OpenSSL would hold a common name that looks like one to the limits on names.
    # It has 64 characters at most (RFC 5280, appendix A); what counts is the extension.
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Valet on {host}"[:64])])
    built = _builder(called, by.certificate.subject, key.public_key(), now, LIFE)
    built = built.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    built = built.add_extension(_usage(signs=False), critical=True)
    built = built.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key())
    built = built.add_extension(signer, critical=False)
    return _Held(built.sign(by.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        # An hour for clocks that are behind.
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + life - timedelta(hours=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _vouches(authority: x509.Certificate, names: Sequence[x509.GeneralName], now: datetime) -> bool:
    """May it sign for these names, for as long as a certificate lasts?"""
    if authority.not_valid_after_utc < now + LIFE:
        return False
    limits = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    return all(_constraint(name) in limits for name in names)


def _good(shown: _Held | None, by: _Held, now: datetime) -> bool:
    """Is what is there by this authority and good for a while? Its names are the authority's."""
    if shown is None or shown.certificate.not_valid_after_utc < now + RENEWAL:
        return False
    return shown.certificate.issuer == by.certificate.subject


def _read(certificate: Path, key: Path) -> _Held | None:
    """What two files hold; nothing where one is missing or damaged, or they do not belong together."""
    try:
        shown = x509.load_pem_x509_certificate(certificate.read_bytes())
        held = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(held, ec.EllipticCurvePrivateKey) or shown.public_key() != held.public_key():
        return None
    return _Held(shown, held)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, body: bytes) -> None:
    """All of it or nothing, and for its owner only."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
