"""A trip to a provider and back: state, PKCE verifier, exchange, and whose account it is.

A state is random, noted only when the person clicked, tied to their browser (and, when connecting, to
their user), good for ten minutes and used up by one statement. `back` and `again` are pages of ours;
they may carry a flow's handle, so they rest sealed with the verifier.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import structlog
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from connect.choice import AppChoice
from connect.names import shown_name
from connect.pages import Refusal, Step, leave
from connect.session import Guest
from connect.trouble import failed, said
from providers.base import Account, Provider, ProviderError, TokenSet
from providers.identity import Identities
from providers.oauth import OAuth, new_verifier
from providers.oidc import Discovery
from providers.registry import Registry
from vault.ids import new_id
from vault.opaque import digest, mint
from vault.purposes import TRIP
from vault.store.states import Misfit, Purpose, State, States
from vault.vault import Vault

_log = structlog.get_logger(__name__)

_START = Step("Start again from your account page", "/account")


@dataclass(frozen=True, slots=True)
class Errand:
    """What a trip is for. `back`: the page after it ("" is the chat); `again`: where to start it afresh.

    `notes` are kept readable beside the state: nothing secret. `keep`: the tokens will be stored. `proof`:
    the provider shall ask anew who it is. `hint`: the account that is meant, as its provider knows it.
    `app` names the app to go through, where one is wanted; after the trip it is the one that was.
    """

    purpose: Purpose
    provider: Provider
    scopes: frozenset[str]
    back: str
    again: str
    notes: dict[str, Any]
    user: UUID | None = None
    flow: UUID | None = None
    switch: bool = False
    keep: bool = True
    proof: bool = False
    hint: str = ""
    app: str = ""


@dataclass(frozen=True, slots=True)
class Return:
    """Somebody who came back from a provider, with the errand they left on."""

    errand: Errand
    verifier: SecretStr
    nonce: SecretStr
    code: SecretStr | None
    word: str = ""
    """The provider's `error` (RFC 6749 §4.1.2.1): somebody else's text, to be compared and never shown."""

    @property
    def denied(self) -> bool:
        """They said no there."""
        return self.word == "access_denied"


class Trips:
    """Sends browsers to providers and receives them."""

    def __init__(
        self,
        states: States,
        vault: Vault,
        oauth: OAuth,
        identities: Identities,
        discovery: Discovery,
        registry: Registry,
        public_url: str,
    ) -> None:
        self._apps = AppChoice(registry, vault.apps)
        self._states = states
        self._vault = vault
        self._oauth = oauth
        self._identities = identities
        self._discovery = discovery
        self._registry = registry
        self._public_url = public_url

    async def leave(self, guest: Guest, errand: Errand) -> Response:
        """Note the errand and answer with the page that goes on to the provider."""
        provider, state, record = await self._complete(errand), mint(), new_id()
        # Who signs in, or will, does so by the operator's app: a person's own app could say anything.
        owner = errand.user if errand.purpose == "connect" else None
        app = await self._apps.choose(provider, owner, errand.app)
        verifier, nonce = new_verifier(), mint()
        secrets = {
            "verifier": verifier.get_secret_value(),
            "nonce": nonce.get_secret_value(),
            "back": errand.back,
            "again": errand.again,
            "proof": errand.proof,
        }
        row = State(
            purpose=errand.purpose,
            provider=provider.name,
            app=app.ref,
            flow_id=errand.flow,
            user_id=errand.user,
            record_id=record,
            sealed=self._vault.seal(TRIP, record, json.dumps(secrets).encode()),
            params={"scopes": sorted(errand.scopes), "notes": errand.notes},
        )
        await self._states.add(digest(state.get_secret_value()), guest.browser_hash, row)
        url = self._oauth.authorize_url(
            provider,
            app,
            self._redirect_uri(provider),
            errand.scopes,
            state,
            verifier,
            keep=errand.keep,
            switch=errand.switch,
            again=errand.proof,
            nonce=nonce,
            hint=errand.hint,
        )
        return leave(url, f"Going to {provider.title}", f"Continue at {provider.title}")

    async def _complete(self, errand: Errand) -> Provider:
        """The record with all its addresses. Raises Refusal where the provider does not tell them."""
        try:
            return await self._discovery.complete(errand.provider)
        except ProviderError as error:
            raise self._heard_wrong(errand, error) from None

    def _heard_wrong(self, errand: Errand, error: ProviderError) -> Refusal:
        _log.warning(
            "trip_failed", provider=error.provider, operation=error.operation, error=type(error).__name__
        )
        return failed(errand, error, self._redirect_uri(errand.provider))

    def _redirect_uri(self, provider: Provider) -> str:
        return f"{self._public_url}/callback/{provider.name}"

    async def take(self, request: Request, guest: Guest, provider: Provider) -> Return:
        """Use up the state that came back. Raises Refusal when it isn't this browser's live one."""
        key = digest(request.query_params.get("state", ""))
        user = guest.user.id if guest.user else None
        row = await self._states.consume(key, guest.browser_hash, provider.name, user)
        if row is None:
            raise self._misfit(await self._states.misfit(key, guest.browser_hash, user))
        errand, verifier, nonce = self._open(row)
        issuer = request.query_params.get("iss")
        missing = issuer is None and (await self._complete(errand)).answers_issuer
        if missing or issuer not in {None, errand.provider.issuer}:
            raise _mixed_up(errand)
        code, error = request.query_params.get("code"), request.query_params.get("error", "")
        if error:
            _log.info("provider_said_no", provider=provider.name, denied=error == "access_denied")
        return Return(errand, verifier, nonce, SecretStr(code) if code and not error else None, error)

    def _open(self, row: State) -> tuple[Errand, SecretStr, SecretStr]:
        secrets = json.loads(self._vault.open(TRIP, row.record_id, row.sealed))
        errand = Errand(
            purpose=row.purpose,
            provider=self._registry.record(row.provider),
            scopes=frozenset(row.params["scopes"]),
            back=secrets["back"],
            again=secrets["again"],
            notes=row.params["notes"],
            user=row.user_id,
            flow=row.flow_id,
            app=row.app,
            proof=secrets.get("proof", False),
        )
        return errand, SecretStr(secrets["verifier"]), SecretStr(secrets.get("nonce", ""))

    def _misfit(self, misfit: Misfit) -> Refusal:
        if misfit.fault == "expired" and misfit.state is not None:
            errand, _, _ = self._open(misfit.state)
            return Refusal(
                410,
                "That took more than ten minutes",
                "For safety the way back closes after a while. Nothing was changed.",
                Step("Start afresh", errand.again),
            )
        if misfit.fault == "used":
            return Refusal(
                409,
                "This step was already done",
                "Opening it a second time does nothing. If the account is not on your account page, the "
                "first time was cut short: connect it again there.",
                Step("See what is connected", "/account"),
            )
        if misfit.fault == "elsewhere":
            return Refusal(
                403,
                "This was started somewhere else",
                "It belongs to another browser or another person, or you were signed out meanwhile. "
                "Nothing was connected.",
                _START,
            )
        return Refusal(
            400,
            "We do not know this way back",
            "Nothing was changed; it may be from an old link.",
            _START,
            missed=True,
        )

    async def collect(self, back: Return) -> tuple[TokenSet, Account]:
        """The tokens and the account behind them. Raises Refusal when the provider does not play along."""
        provider = await self._complete(back.errand)
        redirect_uri = self._redirect_uri(provider)
        if back.code is None:
            raise said(back.errand, back.word, redirect_uri)
        app = await self._apps.named(provider, back.errand.user, back.errand.app)
        try:
            tokens = await self._oauth.exchange(provider, app, redirect_uri, back.code, back.verifier)
            account = await self._identities.account(
                provider, app, tokens, back.nonce, proof=back.errand.proof
            )
        except ProviderError as error:
            raise self._heard_wrong(back.errand, error) from None
        label = shown_name(account.label, provider.title)
        return tokens, replace(account, label=label, nickname=shown_name(account.nickname, label))


def _mixed_up(errand: Errand) -> Refusal:
    """Somebody else answered (RFC 9207 §2.4)."""
    _log.warning("answer_mixed_up", provider=errand.provider.name)
    title = errand.provider.title
    return Refusal(
        400,
        f"That answer is not {title}’s",
        f"It names another address than the one {title} answers from, so it was thrown away. Nothing was "
        "changed.",
        Step("Try again", errand.again),
    )
