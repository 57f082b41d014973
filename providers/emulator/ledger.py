"""The OAuth ledger of one upstream: apps, consents, codes and tokens, with the rules that bind them.

Knows no HTTP. What the upstream would refuse raises `Denied` with the OAuth error of RFC 6749 §5.2.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from providers.emulator.clock import Clock
from providers.emulator.settings import Settings

CODE_SECONDS = 600
GRANT_SECONDS = 182 * 86400
"""Six months after consent a refresh token dies; refreshing does not extend that (Spotify, June 2026)."""

LOOPBACK = frozenset({"127.0.0.1", "[::1]", "::1"})


class Denied(Exception):
    """An OAuth refusal: `error` and `description` go on the wire as they are."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status


class Unauthenticated(Exception):
    """An access token that opens nothing; the message is the API's own."""


@dataclass
class Client:
    """An app. With `secret` None it is public and PKCE is mandatory. `exact` closes the redirect list."""

    id: str
    secret: str | None = None
    redirects: list[str] = field(default_factory=list)
    exact: bool = False
    refused: bool = False


@dataclass
class Grant:
    """One consent of one account to one app. `ended` tells how it died, if it did."""

    id: str
    client_id: str
    account: str
    scopes: list[str]
    granted_at: float
    ended: Literal["revoked", "expired"] | None = None


@dataclass
class Code:
    """An authorization code, bound to app, redirect URI and challenge; single use."""

    value: str
    grant: str
    redirect_uri: str
    challenge: str | None
    issued_at: float
    used: bool = False


@dataclass
class Token:
    """An access or refresh token. `used_at` and `successor` belong to rotation."""

    value: str
    kind: Literal["access", "refresh"]
    grant: str
    issued_at: float
    expires_at: float | None = None
    used_at: float | None = None
    successor: str | None = None


@dataclass(frozen=True)
class Issued:
    """What a token endpoint answers. `refresh_token` is None where the old one stays."""

    access_token: str
    refresh_token: str | None
    scopes: list[str]
    expires_in: int


class Ledger:
    """Apps, grants, codes and tokens of one upstream. `prefixes` make its tokens recognisable."""

    def __init__(
        self, clock: Clock, settings: Settings, prefixes: Mapping[str, str], apps: Mapping[str, str]
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._prefixes = prefixes
        self.clients = {name: Client(name, secret) for name, secret in apps.items()}
        self.grants: dict[str, Grant] = {}
        self.codes: dict[str, Code] = {}
        self.tokens: dict[str, Token] = {}

    # Apps

    def client(self, client_id: str) -> Client | None:
        """The app of that id; any id beginning `emulator-` is an app, public unless told otherwise."""
        if not client_id.startswith("emulator-"):
            return None
        return self.clients.setdefault(client_id, Client(client_id))

    def admit(self, client: Client, redirect_uri: str) -> Literal["ok", "insecure", "unknown"]:
        """Whether the redirect URI is registered: exactly, or, where no list was set, on first use.

        A loopback URI registered without a port admits any port. Spotify refuses `localhost`, and
        plain http anywhere but on a loopback address.
        """
        try:
            parts = urlsplit(redirect_uri)
        except ValueError:
            return "unknown"
        if parts.hostname == "localhost" or (parts.scheme == "http" and parts.hostname not in LOOPBACK):
            return "insecure"
        if redirect_uri in client.redirects or _portless(redirect_uri) in client.redirects:
            return "ok"
        if client.exact or parts.scheme not in {"http", "https"} or not parts.netloc or parts.fragment:
            return "unknown"
        client.redirects.append(redirect_uri)
        return "ok"

    # Consent and code

    def consent(
        self, client: Client, account: str, scopes: Iterable[str], redirect_uri: str, challenge: str | None
    ) -> str:
        """Record a consent and mint its code. Scopes the settings withhold are not granted."""
        granted = [scope for scope in scopes if scope not in self._settings.withheld_scopes]
        now = self._clock.now()
        grant = Grant(secrets.token_hex(8), client.id, account, granted, now)
        code = Code(self._mint("code"), grant.id, redirect_uri, challenge, now)
        self.grants[grant.id] = grant
        self.codes[code.value] = code
        return code.value

    def exchange(self, client: Client, code: str, redirect_uri: str, verifier: str | None) -> Issued:
        """Spend a code. A code seen once is burnt, whatever else is wrong with the request."""
        record = self.codes.get(code)
        if record is None or record.used or self.grants[record.grant].client_id != client.id:
            raise Denied("invalid_grant", "Invalid authorization code")
        record.used = True
        if self._clock.now() >= record.issued_at + CODE_SECONDS:
            raise Denied("invalid_grant", "Authorization code expired")
        if redirect_uri != record.redirect_uri:
            raise Denied("invalid_grant", "Invalid redirect URI")
        if not _verifies(record.challenge, verifier):
            raise Denied("invalid_grant", "code_verifier was incorrect")
        grant = self._living(record.grant)
        return self._issue(grant, self._token("refresh", grant).value)

    def refresh(self, client: Client, refresh_token: str) -> Issued:
        """A new access token. With rotation the refresh token is spent and its reuse kills the family."""
        token = self.tokens.get(refresh_token)
        if token is None or token.kind != "refresh" or self.grants[token.grant].client_id != client.id:
            raise Denied("invalid_grant", "Invalid refresh token")
        grant = self._living(token.grant)
        if token.expires_at is not None and self._clock.now() >= token.expires_at:
            raise Denied("invalid_grant", "Refresh token expired")
        if token.used_at is not None:
            return self._reused(token, grant)
        if not self._settings.rotate:
            return self._issue(grant, None)
        token.used_at = self._clock.now()
        token.successor = self._token("refresh", grant).value
        return self._issue(grant, token.successor)

    def _reused(self, token: Token, grant: Grant) -> Issued:
        if self._clock.now() < (token.used_at or 0.0) + self._settings.grace_seconds:
            return self._issue(grant, token.successor)
        if self._settings.reuse_detection:
            self._end(grant, "revoked")
        raise Denied("invalid_grant", "Refresh token revoked")

    # Tokens

    def holder(self, access_token: str) -> Grant:
        """The grant behind a live access token. Raises Unauthenticated with the API's message."""
        token = self.tokens.get(access_token)
        if token is None or token.kind != "access":
            raise Unauthenticated("Invalid access token")
        if self._clock.now() >= (token.expires_at or 0.0):
            raise Unauthenticated("The access token expired")
        return self.grants[token.grant]

    def expire(
        self, what: Literal["access", "refresh", "grants"], account: str | None, client_id: str | None
    ) -> int:
        """Let access tokens, refresh tokens or whole grants die of age now. How many did."""
        grants = self.of(account, client_id)
        if what == "grants":
            for grant in grants:
                grant.ended = "expired"
            return len(grants)
        ids = {grant.id for grant in grants}
        tokens = [t for t in self.tokens.values() if t.kind == what and t.grant in ids]
        for token in tokens:
            token.expires_at = self._clock.now()
        return len(tokens)

    def revoke(self, account: str | None, client_id: str | None, *, access: bool = True) -> int:
        """End grants as a person does at the upstream; with `access`, live access tokens die too."""
        grants = self.of(account, client_id)
        for grant in grants:
            self._end(grant, "revoked", access=access)
        return len(grants)

    def of(self, account: str | None, client_id: str | None) -> list[Grant]:
        """Grants of that account and app; None means any."""
        return [
            grant
            for grant in self.grants.values()
            if account in (None, grant.account) and client_id in (None, grant.client_id)
        ]

    def _living(self, grant_id: str) -> Grant:
        grant = self.grants[grant_id]
        if grant.ended is None and self._clock.now() >= grant.granted_at + GRANT_SECONDS:
            grant.ended = "expired"
        if grant.ended is not None:
            raise Denied("invalid_grant", f"Refresh token {grant.ended}")
        return grant

    def _end(self, grant: Grant, how: Literal["revoked", "expired"], *, access: bool = True) -> None:
        grant.ended = how
        if access:
            for token in list(self.tokens.values()):
                if token.grant == grant.id and token.kind == "access":
                    token.expires_at = self._clock.now()

    def _issue(self, grant: Grant, refresh_token: str | None) -> Issued:
        lifetime = self._settings.access_seconds
        access = self._token("access", grant, lifetime)
        return Issued(access.value, refresh_token, grant.scopes, lifetime)

    def _token(self, kind: Literal["access", "refresh"], grant: Grant, lifetime: int | None = None) -> Token:
        now = self._clock.now()
        token = Token(self._mint(kind), kind, grant.id, now, None if lifetime is None else now + lifetime)
        self.tokens[token.value] = token
        return token

    def _mint(self, kind: str) -> str:
        return self._prefixes[kind] + secrets.token_urlsafe(32)

    # Persistence

    def dump(self) -> dict[str, Any]:
        """Everything, as JSON-ready values."""
        return {
            name: [asdict(record) for record in getattr(self, name).values()]
            for name in ("clients", "grants", "codes", "tokens")
        }

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave. Raises KeyError or TypeError where it is not that."""
        self.clients = {row["id"]: Client(**row) for row in data["clients"]}
        self.grants = {row["id"]: Grant(**row) for row in data["grants"]}
        self.codes = {row["value"]: Code(**row) for row in data["codes"]}
        self.tokens = {row["value"]: Token(**row) for row in data["tokens"]}


def s256(verifier: str) -> str:
    """The challenge of a PKCE verifier (RFC 7636 §4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _verifies(challenge: str | None, verifier: str | None) -> bool:
    """A verifier where there was no challenge is a downgrade (RFC 9700 §2.1.1) and refused too."""
    if challenge is None or verifier is None:
        return challenge is None and verifier is None
    return 43 <= len(verifier) <= 128 and secrets.compare_digest(s256(verifier), challenge)


def _portless(uri: str) -> str | None:
    parts = urlsplit(uri)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK:
        return None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return parts._replace(netloc=host or "").geturl()
