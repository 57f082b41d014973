"""The token endpoint: a code or a refresh token for the next pair of tokens.

OAuth 2.1 §3.2 and §4.3; the rules of rotation are in `vault.store.tokens`. Two decisions of ours:
a code is spent by the first attempt of its client, right verifier or not; and tokens follow the grant,
so `scope` at a refresh narrows what the answer says, never what the token may do.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connect.clientauth import ClientAuth
from connect.endpoint import Endpoint, Parameters, read_form
from connect.limits import Gate
from connect.oautherrors import OAuthError, invalid_grant
from connect.resource import require_resource
from connect.roster import Roster
from connect.scopes import narrowed, spoken
from connect.witness import Witness
from vault.opaque import digest
from vault.store.clients import Client
from vault.store.tokens import ACCESS_SECONDS, Code, Issued, Refusal, Seal, Tokens, Unseal

_log = structlog.get_logger(__name__)

Recheck = Callable[[UUID], Awaitable[bool]]
"""`(user id) -> may this person still use this server?`"""

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class Token:
    """POST /token. `seal` and `unseal` keep a refresh token's successor for its grace."""

    def __init__(
        self,
        resource: str,
        roster: Roster,
        tokens: Tokens,
        recheck: Recheck,
        seal: Seal,
        unseal: Unseal,
        gate: Gate,
        witness: Witness,
    ) -> None:
        self._resource = resource
        self._roster = roster
        self._auth = ClientAuth(roster, witness)
        self._witness = witness
        self._tokens = tokens
        self._recheck = recheck
        self._seal = seal
        self._unseal = unseal
        self._gate = gate

    def routes(self) -> list[Route]:
        """The endpoint; open to every origin."""
        return [Route("/token", Endpoint({"POST": self._token}, gate=self._gate), name="token")]

    async def _token(self, request: Request) -> Response:
        form = await read_form(request)
        client = await self._auth.identify(request, form)
        grants = {"authorization_code": self._exchange, "refresh_token": self._refresh}
        grant = grants.get(form.require("grant_type"))
        if grant is None:
            raise OAuthError(
                "unsupported_grant_type", "grant_type must be authorization_code or refresh_token."
            )
        require_resource(form.get("resource"), self._resource)
        await self._roster.touch(client.id)
        return await grant(client, form)

    async def _exchange(self, client: Client, form: Parameters) -> Response:
        code, verifier = form.require("code"), form.require("code_verifier")
        redirect_uri = form.get("redirect_uri")

        def fits(made: Code) -> bool:
            return (
                _same_redirect(made, redirect_uri)
                and made.resource == self._resource
                and _verified(made.code_challenge, verifier)
            )

        issued = await self._tokens.exchange(digest(code), client.id, fits)
        if isinstance(issued, Refusal):
            _log.warning("code_refused", client_id=client.id, why=issued.value)
            self._deny(client, f"code_{issued.value}")
            raise invalid_grant(
                "The code is unknown, used, expired, or does not go with this client, redirect_uri and "
                "code_verifier. Start again at /authorize.",
                missed=issued is Refusal.UNKNOWN,
            )
        self._witness.note("tokens_issued", grant_id=issued.grant_id)
        _log.info("code_exchanged", client_id=client.id, grant_id=str(issued.grant_id))
        return _answer(issued, issued.scopes)

    async def _refresh(self, client: Client, form: Parameters) -> Response:
        presented = digest(form.require("refresh_token"))
        holder = await self._tokens.holder(presented, client.id, self._resource)
        if holder is None:
            raise self._refused(client, Refusal.UNKNOWN, missed=True)
        user_id, live = holder
        if not live:
            # Before it is counted: an ended token that got about must not use up what its person may do.
            raise self._refused(client, Refusal.UNKNOWN, user_id)
        if not await self._recheck(user_id):
            _log.info("refresh_not_allowed", client_id=client.id, user_id=str(user_id))
            self._deny(client, "not_allowed", user_id)
            raise invalid_grant("This person may not use this server any more. Ask whoever runs it.")
        await self._gate.refreshes(user_id, client.id)
        issued = await self._tokens.refresh(presented, client.id, self._seal, self._unseal)
        if isinstance(issued, Refusal):
            raise self._refused(client, issued, user_id)
        self._witness.note("tokens_refreshed", user_id=user_id, client_id=client.id)
        return _answer(issued, narrowed(form.get("scope"), issued.scopes))

    def _deny(self, client: Client, why: str, user_id: UUID | None = None) -> None:
        self._witness.note(
            "tokens_refused", outcome="refused", user_id=user_id, client_id=client.id, detail=why
        )

    def _refused(
        self, client: Client, why: Refusal, user_id: UUID | None = None, *, missed: bool = False
    ) -> OAuthError:
        """`missed`: there is no such token. One that ended was somebody's once, so it is no guess."""
        _log.warning("refresh_refused", client_id=client.id, why=why.value)
        self._deny(client, why.value, user_id)
        return invalid_grant(
            "The refresh token is unknown, used, expired or revoked, or is another client's. Sign in again.",
            missed=missed,
        )


def _same_redirect(made: Code, presented: str | None) -> bool:
    """What was named at /authorize must be named again; what was not, may be (RFC 6749 §4.1.3)."""
    if made.redirect_uri is None:
        return presented in {None, made.registered_uri}
    return presented == made.redirect_uri


def _verified(challenge: str, verifier: str) -> bool:
    """PKCE S256 (RFC 7636 §4.6), in constant time."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return hmac.compare_digest(made, challenge.encode())


def _answer(issued: Issued, scopes: frozenset[str]) -> Response:
    return JSONResponse(
        {
            "access_token": issued.access_token.get_secret_value(),
            "token_type": "Bearer",
            "expires_in": ACCESS_SECONDS,
            "refresh_token": issued.refresh_token.get_secret_value(),
            "scope": spoken(scopes),
        }
    )
