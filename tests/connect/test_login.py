"""The whole way at once: a canary for secrets, and the SDK's own client."""

from __future__ import annotations

import base64
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from psycopg import sql
from pydantic import AnyUrl
from structlog.testing import capture_logs

from tests.connect.authserver import (
    CALLBACK,
    ISSUER,
    RESOURCE,
    VERIFIER,
    House,
    open_house,
    query,
)
from vault.opaque import digest, mint
from vault.store.database import Database


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    async with open_house(database) as house:
        yield house


async def test_no_secret_reaches_the_database_or_a_log(
    empty_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_house(empty_database) as house:
        with capture_logs() as logs:
            made = await house.register(token_endpoint_auth_method="client_secret_post")
            client, secret = made["client_id"], made["client_secret"]
            handle = await house.pending(client)
            code = (await house.approve(handle))["code"]
            first = (await house.exchange(client, code, client_secret=secret)).json()
            second = (await house.refresh(client, first["refresh_token"], client_secret=secret)).json()
            late = (await house.refresh(client, first["refresh_token"], client_secret=secret)).json()
            await house.exchange(client, code, client_secret=secret)
            await house.refresh(client, second["refresh_token"], client_secret="wrong-secret-of-tests")
        assert len(logs) >= 4
        secrets = {handle, secret, code, VERIFIER, "wrong-secret-of-tests"}
        secrets |= {
            body[name] for body in (first, second, late) for name in ("access_token", "refresh_token")
        }
        assert len(secrets) == 10
        text = await _everything(house) + repr(logs) + caplog.text
        assert digest(secret).hex() in text
        for value in secrets:
            assert value not in text
            assert value.encode().hex() not in text
            assert base64.b64encode(value.encode()).decode().rstrip("=") not in text


async def _everything(house: House) -> str:
    """Every row of every table, as text."""
    tables = await house.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = [
        row
        for (table,) in tables
        for row in await house.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table)))
    ]
    return "\n".join(row[0] for row in rows)


class Storage:
    """The SDK's token storage, in memory."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@pytest.mark.parametrize("method", [None, "none", "client_secret_basic", "client_secret_post"])
async def test_the_sdk_discovers_registers_signs_in_and_refreshes(house: House, method: Any) -> None:
    storage, answers = Storage(), dict[str, str]()

    async def open_browser(url: str) -> None:
        location = (await house.http.get(url)).headers["location"]
        answers.update(await house.approve(query(location)["h"], frozenset({"spotify:write"})))

    async def callback() -> AuthorizationCodeResult:
        return AuthorizationCodeResult(**answers)

    metadata = OAuthClientMetadata(
        redirect_uris=[AnyUrl(CALLBACK)], client_name="SDK", token_endpoint_auth_method=method
    )
    provider = OAuthClientProvider(RESOURCE, metadata, storage, open_browser, callback)
    async with house.browser(provider) as http:
        first = await http.post("/mcp")
        assert first.json() == {"scopes": ["spotify:write"]}
        assert answers["iss"] == ISSUER
        assert storage.tokens is not None
        assert storage.tokens.scope == "spotify:write"
        before = storage.tokens.refresh_token
        provider.context.token_expiry_time = 1.0
        answers.clear()
        assert (await http.post("/mcp")).status_code == 200
        assert storage.tokens.refresh_token != before
        assert answers == {}


async def test_minted_tokens_have_256_bits() -> None:
    token = mint("vlt_at_").get_secret_value()
    assert len(base64.urlsafe_b64decode(token.removeprefix("vlt_at_") + "=")) == 32
