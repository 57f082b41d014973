"""Revocation (RFC 7009): a chat client gives its tokens back, for instance at logout."""

from __future__ import annotations

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connect.clientauth import ClientAuth
from connect.endpoint import Endpoint, read_form
from connect.limits import Gate
from connect.roster import Roster
from connect.witness import Witness
from vault.opaque import digest
from vault.store.tokens import Tokens

_log = structlog.get_logger(__name__)


class Revoke:
    """POST /revoke: either kind of token ends its whole family. Public clients may call it too.

    An unknown token, or another client's, is answered 200 like any other (RFC 7009 §2.2), without effect.
    `token_type_hint` is passed over: one hash finds both kinds.
    """

    def __init__(self, roster: Roster, tokens: Tokens, gate: Gate, witness: Witness) -> None:
        self._auth = ClientAuth(roster, witness)
        self._witness = witness
        self._tokens = tokens
        self._gate = gate

    def routes(self) -> list[Route]:
        """The endpoint; open to every origin."""
        return [Route("/revoke", Endpoint({"POST": self._revoke}, gate=self._gate), name="revoke")]

    async def _revoke(self, request: Request) -> Response:
        form = await read_form(request)
        client = await self._auth.identify(request, form)
        grant = await self._tokens.revoke(digest(form.require("token")), client.id)
        if grant is not None:
            self._witness.note("tokens_revoked", grant_id=grant)
            _log.info("tokens_revoked", client_id=client.id)
        return Response(status_code=200)
