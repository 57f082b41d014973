"""The OAuth ledger of one upstream: apps, consents, codes and tokens, with the rules that bind them.

Knows no HTTP. What the upstream would refuse raises `Denied` with the OAuth error of RFC 6749 §5.2.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlsplit

from providers.emulator.clock import Clock
from providers.emulator.settings import Settings

CODE_SECONDS = 600
LOOPBACK = frozenset({"127.0.0.1", "[::1]", "::1"})

WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "code": ("invalid_grant", "Invalid authorization code"),
        "old_code": ("invalid_grant", "Authorization code expired"),
        "redirect_uri": ("invalid_grant", "Invalid redirect URI"),
        "verifier": ("invalid_grant", "code_verifier was incorrect"),
        "token": ("invalid_grant", "Invalid refresh token"),
        "expired": ("invalid_grant", "Refresh token expired"),
        "revoked": ("invalid_grant", "Refresh token revoked"),
    }
)
"""What a ledger says when it refuses: error and description."""

Verdict = Literal["ok", "insecure", "unknown"]


class Denied(Exception):
    """An OAuth refusal: `error` and `description` go on the wire as they are."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status


@dataclass(frozen=True)
class Rules:
    """Where the ledgers of upstreams differ.

    `prefixes` make codes and tokens recognisable (keys access, refresh, code). A grant dies
    `grant_seconds` after consent, however often it is refreshed; None: never of age. `plain` are the
    hosts that http may name in a redirect URI, `barred` those no redirect URI may name. With `any_port`
    a loopback URI registered without a port admits any port (RFC 8252 §7.3). `words` as in WORDS.
    """

    prefixes: Mapping[str, str]
    grant_seconds: float | None = None
    plain: frozenset[str] = LOOPBACK
    barred: frozenset[str] = frozenset()
    any_port: bool = False
    words: Mapping[str, tuple[str, str]] = field(default_factory=lambda: WORDS)


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
    """One consent of one account to one app. `ended` tells how it died, `expires_at` when it will."""

    id: str
    client_id: str
    account: str
    scopes: list[str]
    granted_at: float
    expires_at: float | None = None
    ended: Literal["revoked", "expired"] | None = None


@dataclass
class Code:
    """An authorization code, bound to app, redirect URI and challenge; single use.

    `offline`: it brings a refresh token. `notes` are what the authorize request said that the token
    answer must know, such as OpenID's nonce.
    """

    value: str
    grant: str
    redirect_uri: str
    challenge: str | None
    issued_at: float
    offline: bool = True
    notes: dict[str, str] = field(default_factory=dict)
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
    """What a token endpoint answers. `refresh_token` is None where the old one stays, or none is due."""

    access_token: str
    refresh_token: str | None
    expires_in: int
    grant: Grant
    notes: Mapping[str, str]


class Ledger:
    """Apps, grants, codes and tokens of one upstream. `apps` are those it knows, with their secrets."""

    def __init__(self, clock: Clock, settings: Settings, rules: Rules, apps: Mapping[str, str]) -> None:
        self._clock = clock
        self._settings = settings
        self._rules = rules
        self.clients = {name: Client(name, secret) for name, secret in apps.items()}
        self.grants: dict[str, Grant] = {}
        self.codes: dict[str, Code] = {}
        self.tokens: dict[str, Token] = {}
        self.private: list[str] = []

    # Apps

    def client(self, client_id: str) -> Client | None:
        """The app of that id; any id beginning `emulator-` is an app, public unless told otherwise."""
        if not client_id.startswith("emulator-"):
            return self.clients.get(client_id)
        return self.register(client_id)

    def register(self, client_id: str) -> Client:
        """The app of that id, whatever it is called; one that is new is public."""
        return self.clients.setdefault(client_id, Client(client_id))

    def admit(self, client: Client, redirect_uri: str) -> Verdict:
        """Whether the redirect URI is registered: exactly, or, where no list was set, on first use."""
        try:
            parts = urlsplit(redirect_uri)
        except ValueError:
            return "unknown"
        plain = parts.scheme == "http" and parts.hostname not in self._rules.plain
        if parts.hostname in self._rules.barred or plain:
            return "insecure"
        portless = _portless(redirect_uri) if self._rules.any_port else None
        if redirect_uri in client.redirects or portless in client.redirects:
            return "ok"
        if client.exact or parts.scheme not in {"http", "https"} or not parts.netloc or parts.fragment:
            return "unknown"
        client.redirects.append(redirect_uri)
        return "ok"

    # Consent and code

    def consent(
        self,
        client: Client,
        account: str,
        scopes: Iterable[str],
        redirect_uri: str,
        challenge: str | None,
        *,
        held: Iterable[str] = (),
        seconds: float | None = None,
        offline: bool = True,
        notes: dict[str, str] | None = None,
    ) -> str:
        """Record a consent and mint its code. Scopes the settings withhold are not granted.

        `held` are scopes of earlier consents that come along; `seconds` is the life of this grant where
        it is not the rule's.
        """
        granted = [scope for scope in scopes if scope not in self._settings.withheld_scopes]
        now = self._clock.now()
        lifetime = seconds if seconds is not None else self._rules.grant_seconds
        expires_at = None if lifetime is None else now + lifetime
        together = list(dict.fromkeys([*granted, *held]))
        grant = Grant(secrets.token_hex(8), client.id, account, together, now, expires_at)
        code = Code(self._mint("code"), grant.id, redirect_uri, challenge, now, offline, notes or {})
        self.grants[grant.id] = grant
        self.codes[code.value] = code
        return code.value

    def exchange(self, client: Client, code: str, redirect_uri: str, verifier: str | None) -> Issued:
        """Spend a code. A code seen once is burnt, whatever else is wrong with the request."""
        record = self.codes.get(code)
        if record is None or record.used or self.grants[record.grant].client_id != client.id:
            raise self._denied("code")
        record.used = True
        if self._clock.now() >= record.issued_at + CODE_SECONDS:
            raise self._denied("old_code")
        if redirect_uri != record.redirect_uri:
            raise self._denied("redirect_uri")
        if verifier is not None:
            self.private.append(verifier)
        if not _verifies(record.challenge, verifier):
            raise self._denied("verifier")
        grant = self._living(record.grant)
        refresh_token = self._token("refresh", grant).value if record.offline else None
        return self._issue(grant, refresh_token, record.notes)

    def refresh(self, client: Client, refresh_token: str) -> Issued:
        """A new access token. With rotation the refresh token is spent and its reuse kills the family."""
        token = self.tokens.get(refresh_token)
        if token is None or token.kind != "refresh" or self.grants[token.grant].client_id != client.id:
            raise self._denied("token")
        grant = self._living(token.grant)
        if token.expires_at is not None and self._clock.now() >= token.expires_at:
            raise self._denied("expired")
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
        raise self._denied("revoked")

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

    def living(self, account: str | None = None, client_id: str | None = None) -> list[Grant]:
        """Grants that have not ended; None means any."""
        grants = self.of(account, client_id)
        for grant in grants:
            self._age(grant)
        return [grant for grant in grants if grant.ended is None]

    def owner(self, token: str) -> Grant | None:
        """The living grant of a token of either kind that is still good; None where there is none."""
        record = self.tokens.get(token)
        if record is None or (record.expires_at is not None and self._clock.now() >= record.expires_at):
            return None
        grant = self.grants[record.grant]
        self._age(grant)
        return grant if grant.ended is None else None

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
        self._age(grant)
        if grant.ended is not None:
            raise self._denied(grant.ended)
        return grant

    def _age(self, grant: Grant) -> None:
        if grant.ended is None and grant.expires_at is not None and self._clock.now() >= grant.expires_at:
            grant.ended = "expired"

    def _denied(self, word: str) -> Denied:
        return Denied(*self._rules.words[word])

    def _end(self, grant: Grant, how: Literal["revoked", "expired"], *, access: bool = True) -> None:
        grant.ended = how
        if access:
            for token in list(self.tokens.values()):
                if token.grant == grant.id and token.kind == "access":
                    token.expires_at = self._clock.now()

    def _issue(
        self, grant: Grant, refresh_token: str | None, notes: Mapping[str, str] = MappingProxyType({})
    ) -> Issued:
        lifetime = self._settings.access_seconds
        access = self._token("access", grant, lifetime)
        return Issued(access.value, refresh_token, lifetime, grant, notes)

    def _token(self, kind: Literal["access", "refresh"], grant: Grant, lifetime: int | None = None) -> Token:
        now = self._clock.now()
        token = Token(self._mint(kind), kind, grant.id, now, None if lifetime is None else now + lifetime)
        self.tokens[token.value] = token
        return token

    def _mint(self, kind: str) -> str:
        return self._rules.prefixes[kind] + secrets.token_urlsafe(32)

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
