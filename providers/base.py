"""The vocabulary every room shares about an upstream: records, token sets, and the errors of `errors.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from providers.errors import (
    AppRejected,
    Conflict,
    GrantRejected,
    NotFound,
    ProviderError,
    RateLimited,
    Rejected,
    ScopeMissing,
    Unavailable,
)
from providers.parcel import Direction, Parcel

if TYPE_CHECKING:
    from providers.http import Http

__all__ = [
    "OPERATOR",
    "QUOTA",
    "Access",
    "Account",
    "AccountLookup",
    "App",
    "AppRejected",
    "Code",
    "Complaint",
    "Conflict",
    "Credential",
    "CredentialSource",
    "Dashboard",
    "Direction",
    "ErrorReader",
    "GrantRejected",
    "NotFound",
    "OpenId",
    "Parcel",
    "Provider",
    "ProviderError",
    "RateLimited",
    "Reason",
    "Rejected",
    "ScopeMissing",
    "Service",
    "TokenSet",
    "Told",
    "Unavailable",
    "emulated",
    "no_complaint",
    "vouched",
]

OPERATOR = "operator"
"""The ref of the app that the operator's settings or the setup page name."""

QUOTA = "QUOTA_EXCEEDED"
"""The machine word of every record's `complaint` for a quota that is used up: it comes back in hours."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an error answer says beyond its status.

    `reason` is a machine word from a list the provider's record keeps, never the upstream's own text.
    `meaning` overrules the status where a provider puts several things under one: `scope` for a missing
    scope, `limit` for a rate limit, `refused` for a 401 that is about something else than the token.
    """

    reason: str = ""
    meaning: Literal["scope", "limit", "refused"] | None = None


ErrorReader = Callable[[int, bytes], Complaint]
"""`(status, body) -> Complaint`. Never raises: the body is whatever the upstream sent."""


def no_complaint(status: int, body: bytes) -> Complaint:
    """The reader of a provider whose status codes say it all."""
    return Complaint()


Code = Literal[
    "not_connected",
    "reauth_required",
    "scope_missing",
    "rate_limited",
    "premium_required",
    "no_active_device",
    "not_found",
    "conflict",
    "invalid_argument",
    "provider_error",
    "approval_needed",
    "declined",
]
"""The closed list of what a refused call can come to; the last two say what its person wants."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a person reads where connecting ended: what happened, what was not lost, the one thing to do.

    `own` is that one thing where they came through an app of their own, if it is another one then.
    """

    title: str
    sentence: str
    step: str
    own: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """What one of a provider's machine words comes to: its code, and a sentence that says what to do next.

    `own` is that sentence where the call went through an app that the person brought, if it is another one
    then. `told` is for words that can also end a person's way to the provider and back.
    """

    code: Code
    sentence: str
    told: Told | None = None
    own: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """One level of access to a service: the upstream scopes it needs and the sentence a person reads.

    `level` says which of our scopes lets a chat use it. `chat` is the sentence for what a chat may do by it,
    where the provider's scope allows Valet more than that.
    """

    scopes: frozenset[str]
    sentence: str
    level: Literal["read", "write"] = "read"
    chat: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """One thing a person switches on: `read`, or `read` and `write` (write includes read).

    Our scopes are `<name>:read` and `<name>:write`. What is in `later` is not asked for when the service is
    connected: a tool that needs it asks then.
    """

    name: str
    title: str
    read: Access
    write: Access
    later: tuple[Access, ...] = ()

    @property
    def asked_later(self) -> frozenset[str]:
        """The upstream scopes in `later`."""
        return frozenset().union(*(access.scopes for access in self.later))

    def upstream(self, access: Literal["read", "write"]) -> frozenset[str]:
        """Upstream scopes that `access` needs; write includes read."""
        return self.read.scopes | self.write.scopes if access == "write" else self.read.scopes


@dataclass(frozen=True, slots=True)
class Account:
    """The upstream identity behind a token: (`issuer`, `subject`) is the key, `label` is what people see.

    `nickname` is what tools may call it before its person names it (never an identity; default: `label`).
    `email` is set only where the issuer verified it, `domain` where the account belongs to an organisation.
    `proved`: False where the issuer can be told to ask who it is, was not told, and does not say that it did.
    """

    issuer: str
    subject: str
    label: str
    nickname: str = ""
    email: str | None = None
    domain: str | None = None
    proved: bool = True


def vouched(text: object) -> str | None:
    """An address or a domain of an id_token in lower case, to hold against a guest list; None: it is none.

    Plain ASCII only: of other letters some turn into an ASCII letter in lower case (U+212A, the sign of
    kelvin, into k), and whoever had such an address would pass for somebody else.
    """
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or " " in text:
        return None
    return text.lower() or None


AccountLookup = Callable[["Http", SecretStr], Awaitable[Account]]
"""Fetches the account of a fresh access token. Raises ProviderError."""


@dataclass(frozen=True, slots=True)
class OpenId:
    """A provider that says in a signed id_token whose account it is (OpenID Connect Core 1.0).

    `keys_url` is its key document (RFC 7517), on one of the record's hosts. `issuers` are the spellings of
    itself that it uses; `account` reads a verified token's claims; `algorithms` are those it may sign with.
    """

    keys_url: str
    issuers: frozenset[str]
    account: Callable[[Mapping[str, object]], Account]
    # Every OpenID provider must support it (Core 1.0 §15.1); taking no other rules out `none` and HMAC.
    algorithms: tuple[str, ...] = ("RS256",)


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Where and how an app is registered at a provider, for whoever has to do it.

    `steps` say what to click there, in order; the redirect URI is shown beside step number `redirect`. `note`
    is what to know of the provider's rules before that, and `rules` is where they stand. `secret_optional`: a
    client id alone will do, for PKCE stands in for the secret. `id_is` and `secret_is` match client ids and
    secrets where the two can be told apart, to see that they were swapped.
    """

    url: str
    steps: tuple[str, ...]
    redirect: int
    note: str = ""
    rules: str = ""
    secret_optional: bool = False
    id_is: str = "(?!)"
    secret_is: str = "(?!)"  # noqa: S105  a pattern


@dataclass(frozen=True, slots=True)
class Provider:
    """Everything that differs between upstreams, as data.

    `authorize_params` go on every authorize request, `connect_params` in addition where the tokens are kept,
    `switch_params` where the person reconnects or picks another account, `again_params` where they must prove
    once more who they are; a name in several of them gets all the words. `incremental`: a consent adds to
    what was allowed before, so only what is missing is asked. `covers`: a scope that was granted is as good
    as these others. `hosts` are the only hosts a token of this provider may be sent to, `media_hosts` those
    that pictures are fetched from, without a token. `revokes_all`: telling the provider to end one token
    ends everything that the account granted this app. `grant_lifetime` is set where a grant dies by itself
    however often it is refreshed. `complaint` reads the reason out of an error answer of its API, `reasons`
    says what that comes to; `app_limits` are the reasons ("" for none) of those limits that it counts by app:
    whoever meets one meets it for everybody of that app. Whose account it is comes from `openid` where the
    provider has it, else from `account`. One without `services` is a way to sign in and nothing to connect;
    one that `discovers` gets its addresses from its own description (`oidc.py`). `secret_in_body`: its token
    endpoint wants the app's secret there; `answers_issuer`: its answers always say whose they are (RFC 9207).
    `dashboard` says how an app is registered; where people may bring one of their own, `own_apps` says why
    they would.
    """

    name: str
    title: str
    issuer: str
    authorize_url: str
    token_url: str
    hosts: frozenset[str]
    services: tuple[Service, ...]
    manage_url: str
    client_id_setting: str
    client_secret_setting: str
    account: AccountLookup | None = None
    openid: OpenId | None = None
    identity_scopes: frozenset[str] = frozenset()
    revoke_url: str | None = None
    revokes_all: bool = False
    authorize_params: Mapping[str, str] = field(default_factory=dict)
    connect_params: Mapping[str, str] = field(default_factory=dict)
    switch_params: Mapping[str, str] = field(default_factory=dict)
    again_params: Mapping[str, str] = field(default_factory=dict)
    incremental: bool = False
    covers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    grant_lifetime: timedelta | None = None
    complaint: ErrorReader = no_complaint
    reasons: Mapping[str, Reason] = field(default_factory=dict)
    app_limits: frozenset[str] = frozenset()
    dashboard: Dashboard | None = None
    own_apps: str = ""
    discovers: bool = False
    secret_in_body: bool = False
    answers_issuer: bool = False
    media_hosts: frozenset[str] = frozenset()

    def service(self, name: str) -> Service:
        """The service of that name. Raises KeyError."""
        return next((s for s in self.services if s.name == name), None) or _missing(name)

    def widened(self, granted: Iterable[str]) -> frozenset[str]:
        """What these upstream scopes are good for: themselves, and what they cover."""
        held = frozenset(granted)
        return held.union(*(self.covers.get(scope, frozenset()) for scope in held))

    @property
    def asked_later(self) -> frozenset[str]:
        """The upstream scopes that connecting never asks for, of all services."""
        return frozenset().union(*(service.asked_later for service in self.services))

    def least(self, scopes: Iterable[str]) -> frozenset[str]:
        """These upstream scopes without those that another of them covers: what to ask a person for."""
        asked = frozenset(scopes)
        return asked.difference(*(self.covers.get(scope, frozenset()) for scope in asked))


def _missing(name: str) -> Service:
    raise KeyError(name)


@dataclass(frozen=True, slots=True)
class App:
    """Our registration at a provider. `ref` names it in the database: `operator`, or an own app's id."""

    ref: str
    client_id: str
    client_secret: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class TokenSet:
    """What a token endpoint returned.

    `expires_in` is in seconds, already reduced by the time the request took. `refresh_token` is None
    where the provider returned none (keep the old one). `scopes` is what was granted, or None where
    the answer does not say (RFC 6749 §5.1: then it is what was asked). `grant_expires_in` is in seconds,
    where the answer says that the grant itself ends (Google's `refresh_token_expires_in`).
    """

    access_token: SecretStr
    expires_in: float
    refresh_token: SecretStr | None = None
    scopes: frozenset[str] | None = None
    id_token: SecretStr | None = None
    grant_expires_in: float | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """A live access token for one call: never the refresh token. `version` names it when it is refused.

    `ending`: the grant behind it ends by itself before long, and its person may have to be told. `app` is the
    ref of the app that it was issued to, "" where nobody knows: an upstream may count by app.
    """

    connection: str
    access_token: SecretStr
    expires_in: float
    version: int
    scopes: frozenset[str]
    ending: bool = False
    app: str = ""


CredentialSource = Callable[[int | None], Awaitable[Credential]]
"""`(refused version) -> Credential`. Called again with the version that an API answered 401 to."""


def emulated(url: str, origin: str | None) -> str:
    """`url` as it is, or `<origin>/host/path` where an emulator origin is set (demo and tests only)."""
    if origin is None:
        return url
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{origin}/{parts.netloc}{parts.path}{query}"
