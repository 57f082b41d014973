"""Discovery as real clients do it: the right document at every address, letter by letter."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest
from mcp.client.auth.utils import (
    build_oauth_authorization_server_metadata_discovery_urls,
    build_protected_resource_metadata_discovery_urls,
    handle_auth_metadata_response,
    handle_protected_resource_response,
    issuers_match,
    validate_metadata_issuer,
)
from starlette.applications import Starlette

from connect.metadata import RESOURCE_PATHS, SERVER_PATHS, Metadata
from tests.connect.authserver import ISSUER, RESOURCE, SCOPES, assert_error


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    app = Starlette(routes=Metadata(ISSUER, RESOURCE, SCOPES).routes())
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=ISSUER) as client:
        yield client


@pytest.mark.parametrize("path", SERVER_PATHS)
async def test_the_server_document_is_the_same_at_every_address(http: httpx2.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert b'"issuer":"http://127.0.0.1:8420",' in answer.content
    assert answer.json() == {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "registration_endpoint": f"{ISSUER}/register",
        "revocation_endpoint": f"{ISSUER}/revoke",
        "scopes_supported": SCOPES,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": False,
    }


@pytest.mark.parametrize("path", RESOURCE_PATHS)
async def test_the_resource_document_is_the_same_at_every_address(
    http: httpx2.AsyncClient, path: str
) -> None:
    answer = await http.get(path)
    assert answer.json() == {
        "resource": RESOURCE,
        "authorization_servers": [ISSUER],
        "scopes_supported": SCOPES,
        "bearer_methods_supported": ["header"],
        "resource_name": "Valet",
    }


def test_the_addresses_are_those_that_clients_probe() -> None:
    assert set(SERVER_PATHS) == {
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/mcp",
        "/mcp/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/mcp",
        "/mcp/.well-known/openid-configuration",
    }
    assert set(RESOURCE_PATHS) == {
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/mcp/.well-known/oauth-protected-resource",
    }


async def test_the_sdk_finds_the_server_from_the_resource(http: httpx2.AsyncClient) -> None:
    for url in build_protected_resource_metadata_discovery_urls(None, RESOURCE):
        found = await handle_protected_resource_response(await http.get(url))
        assert found is not None
        assert str(found.resource) == RESOURCE
        assert [str(server) for server in found.authorization_servers] == [ISSUER]
    for url in build_oauth_authorization_server_metadata_discovery_urls(ISSUER, RESOURCE):
        ok, metadata = await handle_auth_metadata_response(await http.get(url))
        assert ok
        assert metadata is not None
        validate_metadata_issuer(metadata, ISSUER)


async def test_the_sdk_finds_the_server_without_a_resource_document(http: httpx2.AsyncClient) -> None:
    (url,) = build_oauth_authorization_server_metadata_discovery_urls(None, RESOURCE)
    _, metadata = await handle_auth_metadata_response(await http.get(url))
    assert metadata is not None
    assert issuers_match(str(metadata.issuer), ISSUER)


@pytest.mark.parametrize("path", [*SERVER_PATHS, *RESOURCE_PATHS])
async def test_a_page_of_any_origin_may_read_it(http: httpx2.AsyncClient, path: str) -> None:
    preflight = await http.options(
        path,
        headers={
            "Origin": "https://inspector.example",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "mcp-protocol-version",
        },
    )
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "GET" in preflight.headers["access-control-allow-methods"]
    assert "mcp-protocol-version" in preflight.headers["access-control-allow-headers"].lower()
    answer = await http.get(path, headers={"Origin": "https://inspector.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


async def test_head_answers_and_other_methods_are_told_what_to_do(http: httpx2.AsyncClient) -> None:
    assert (await http.head(SERVER_PATHS[0])).status_code == 200
    refused = await http.post(SERVER_PATHS[0])
    assert "GET" in assert_error(refused, "invalid_request", 405)
    assert refused.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_client_id_documents_are_announced_when_they_are_understood() -> None:
    app = Starlette(routes=Metadata(ISSUER, RESOURCE, SCOPES, cimd=True).routes())
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=ISSUER) as client:
        document = (await client.get(SERVER_PATHS[0])).json()
    assert document["client_id_metadata_document_supported"] is True


def test_an_issuer_with_a_slash_is_refused() -> None:
    with pytest.raises(ValueError, match="slash"):
        Metadata(ISSUER + "/", RESOURCE, SCOPES)
