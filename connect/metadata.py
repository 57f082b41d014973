"""Discovery: who issues tokens for us and what it can do, at every place clients look for it.

RFC 8414 (authorization server), RFC 9728 (protected resource). The OpenID Connect address answers the
same document for clients that only know that one; we issue no ID tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connect.endpoint import Endpoint

AUTH_METHODS = ("none", "client_secret_basic", "client_secret_post")

SERVER_PATHS = tuple(
    place
    for name in ("oauth-authorization-server", "openid-configuration")
    for place in (f"/.well-known/{name}", f"/.well-known/{name}/mcp", f"/mcp/.well-known/{name}")
)
RESOURCE_PATHS = (
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
    "/mcp/.well-known/oauth-protected-resource",
)

_CACHE = {"Cache-Control": "public, max-age=300"}


class Metadata:
    """The two documents. `issuer` is PUBLIC_URL without a slash, compared by clients letter by letter.

    `scopes` are looked at anew each time. `title` names the resource for people; `cimd` says that client-id
    documents are understood. Raises ValueError for an issuer that ends in a slash.
    """

    def __init__(
        self, issuer: str, resource: str, scopes: Sequence[str], *, title: str = "Valet", cimd: bool = False
    ) -> None:
        if issuer.endswith("/"):
            raise ValueError("the issuer must not end in a slash")
        self._scopes = scopes
        self._server = _server(issuer, cimd=cimd)
        self._resource = {
            "resource": resource,
            "authorization_servers": [issuer],
            "bearer_methods_supported": ["header"],
            "resource_name": title,
        }

    def routes(self) -> list[Route]:
        """Both documents at all their addresses; open to every origin."""
        server = Endpoint({"GET": self._show_server}, _CACHE)
        resource = Endpoint({"GET": self._show_resource}, _CACHE)
        return [
            *(Route(path, server, name=f"server_metadata:{path}") for path in SERVER_PATHS),
            *(Route(path, resource, name=f"resource_metadata:{path}") for path in RESOURCE_PATHS),
        ]

    async def _show_server(self, _: Request) -> Response:
        return JSONResponse({**self._server, "scopes_supported": list(self._scopes)})

    async def _show_resource(self, _: Request) -> Response:
        return JSONResponse({**self._resource, "scopes_supported": list(self._scopes)})


def _server(issuer: str, *, cimd: bool) -> Mapping[str, object]:
    """RFC 8414 §2, with the flags of RFC 9207 §3 and of client-id metadata documents."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "registration_endpoint": f"{issuer}/register",
        "revocation_endpoint": f"{issuer}/revoke",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": cimd,
    }
