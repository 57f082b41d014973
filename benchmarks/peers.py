"""FastMCP's OAuthProxy with its own stores: where it keeps the token sets of its upstream provider."""

from __future__ import annotations

import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import fastmcp
from cryptography.fernet import Fernet
from fastmcp.server.auth.oauth_proxy import OAuthProxy
from fastmcp.server.auth.oauth_proxy.models import UpstreamTokenSet
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier
from key_value.aio.protocols import AsyncKeyValue
from key_value.aio.stores.postgresql import PostgreSQLStore
from key_value.aio.wrappers.encryption import FernetEncryptionWrapper
from psycopg.conninfo import conninfo_to_dict

from benchmarks.tokens import tokens


class Kept:
    """Token sets of our size, kept as OAuthProxy keeps them: with the provider's whole answer beside."""

    def __init__(self, storage: AsyncKeyValue | None) -> None:
        proxy = OAuthProxy(
            upstream_authorization_endpoint="https://upstream.example/authorize",
            upstream_token_endpoint="https://upstream.example/token",
            upstream_client_id="bench",
            upstream_client_secret="secret-of-the-benchmark",
            token_verifier=StaticTokenVerifier({}),
            base_url="https://fastmcp.example",
            client_storage=storage,
        )
        self._store = proxy._upstream_token_store

    async def put(self, name: str) -> None:
        access, refresh = tokens()
        answer = {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": 3600,
        }
        now = time.time()
        kept = UpstreamTokenSet(
            upstream_token_id=name,
            access_token=access,
            refresh_token=refresh,
            refresh_token_expires_at=None,
            expires_at=now + 3600,
            token_type="Bearer",
            scope="calendar",
            client_id="bench",
            created_at=now,
            raw_token_data=answer,
        )
        await self._store.put(key=name, value=kept, ttl=3600 * 24)

    async def get(self, name: str) -> str:
        """The access token."""
        kept = await self._store.get(key=name)
        assert kept is not None
        return kept.access_token


def on_files(folder: Path) -> Kept:
    """As it comes: files below `folder`, under a key that comes of the client secret."""
    fastmcp.settings.home = folder
    return Kept(None)


@asynccontextmanager
async def on_postgresql(url: str) -> AsyncIterator[Kept]:
    """With the PostgreSQL store of the same library, under the same wrapper."""
    warnings.filterwarnings("ignore", message="A configured store is unstable")
    place = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    async with PostgreSQLStore(
        host=place["host"],
        port=int(place["port"]),
        database=place["dbname"],
        user=place["user"],
        password=place["password"],
    ) as store:
        yield Kept(FernetEncryptionWrapper(store, fernet=Fernet(Fernet.generate_key())))
