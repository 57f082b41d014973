"""Dynamic client registration (RFC 7591), for the chat clients that still need it.

Anybody may register, so what a client says about itself is worth nothing: it is shown as unverified,
and only its redirect URIs bind it. Metadata we have no use for is passed over.
"""

from __future__ import annotations

import json
import secrets
from typing import Any, cast

import structlog
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connect.endpoint import Endpoint, media_type, read_body
from connect.limits import Gate
from connect.metadata import AUTH_METHODS
from connect.names import shown_name
from connect.oautherrors import OAuthError
from connect.preset import OWN_PREFIX
from connect.redirects import display_host, several
from vault.opaque import digest, mint
from vault.store.clients import AuthMethod, Client, Clients

_log = structlog.get_logger(__name__)


class Register:
    """POST /register."""

    def __init__(self, clients: Clients, gate: Gate) -> None:
        self._clients = clients
        self._gate = gate

    def routes(self) -> list[Route]:
        """The endpoint; open to every origin."""
        return [Route("/register", Endpoint({"POST": self._register}), name="register")]

    async def _register(self, request: Request) -> Response:
        metadata = await _read(request)
        redirect_uris = _redirect_uris(metadata.get("redirect_uris"))
        _check_kinds(metadata)
        method = _auth_method(metadata.get("token_endpoint_auth_method"))
        secret = None if method == "none" else mint("vlt_cs_")
        client = Client(
            id=OWN_PREFIX + secrets.token_urlsafe(16),
            kind="dcr",
            name=shown_name(metadata.get("client_name"), display_host(redirect_uris[0])),
            redirect_uris=redirect_uris,
            auth_method=method,
            secret_hash=digest(secret.get_secret_value()) if secret else None,
        )
        await self._gate.registers(request)
        issued_at = await self._clients.add(client)
        _log.info("client_registered", client_id=client.id, auth_method=method)
        return JSONResponse(_answer(client, secret, issued_at), 201)


async def _read(request: Request) -> dict[str, Any]:
    if media_type(request) != "application/json":
        raise _invalid("Send the client metadata as application/json.")
    try:
        metadata = json.loads(await read_body(request))
    except (ValueError, RecursionError):
        raise _invalid("The body is not valid JSON.") from None
    if not isinstance(metadata, dict):
        raise _invalid("The body must be a JSON object of client metadata.")
    return cast("dict[str, Any]", metadata)


def _redirect_uris(given: object) -> tuple[str, ...]:
    try:
        return several(given)
    except ValueError as error:
        raise OAuthError("invalid_redirect_uri", str(error)) from None


def _check_kinds(metadata: dict[str, Any]) -> None:
    """Every client gets the code flow with refresh tokens; one that can't use a code is refused.

    Further grant types are passed over, as RFC 7591 §3.2.1 lets a server replace what was asked.
    """
    for name, needed in (("grant_types", "authorization_code"), ("response_types", "code")):
        given = metadata.get(name)
        if given is not None and not (isinstance(given, list) and needed in given):
            raise _invalid(f"{name} must be a list that includes {needed}; leave it out for the default.")


def _auth_method(given: object) -> AuthMethod:
    """The method asked for; `client_secret_basic` where none was (RFC 7591 §2)."""
    if given is None or given == "":
        return "client_secret_basic"
    if given not in AUTH_METHODS:
        raise _invalid("token_endpoint_auth_method must be one of " + ", ".join(AUTH_METHODS) + ".")
    return cast("AuthMethod", given)


def _answer(client: Client, secret: SecretStr | None, issued_at: int) -> dict[str, object]:
    """The client information response (RFC 7591 §3.2.1): the only time the secret is seen."""
    answer: dict[str, object] = {
        "client_id": client.id,
        "client_id_issued_at": issued_at,
        "client_name": client.name,
        "redirect_uris": list(client.redirect_uris),
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": client.auth_method,
    }
    if secret is not None:
        answer |= {"client_secret": secret.get_secret_value(), "client_secret_expires_at": 0}
    return answer


def _invalid(description: str) -> OAuthError:
    return OAuthError("invalid_client_metadata", description)
