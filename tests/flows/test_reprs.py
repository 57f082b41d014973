"""No repr of anything alive in the process shows a secret."""

from __future__ import annotations

import gc
import traceback
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from providers.base import Account
from providers.http import Http
from providers.oauth import OAuth, new_verifier
from providers.registry import PROVIDERS, Registry
from providers.spotify import SPOTIFY, Spotify
from providers.transport import Transport
from tests.support.emulator import REDIRECT, EmulatorProcess
from valet.settings import apps
from valet.upstream import RegisteredUpstream
from vault.errors import ConnectionExpired
from vault.ids import new_id
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.vault import open_vault

ROOMS = ("valet.", "mcp_server.", "connect.", "vault.", "providers.")
APPS = apps({"SPOTIFY_CLIENT_ID": "emulator-spotify", "SPOTIFY_CLIENT_SECRET": "emulator-secret"}, PROVIDERS)
SCOPES = frozenset({"user-read-playback-state"})


def living() -> list[object]:
    """Every object of a class of ours, but for what other tests left of the emulator."""
    modules = ((thing, str(type(thing).__module__)) for thing in gc.get_objects())
    return [thing for thing, name in modules if name.startswith(ROOMS) and "emulator" not in name]


async def test_no_repr_shows_a_token_a_code_a_verifier_or_a_key(
    empty_database: Database, emulator: EmulatorProcess, tmp_path: Path
) -> None:
    origin, owner = emulator.origin, new_id()
    async with empty_database.connection() as link, Transport(emulator_origin=origin) as transport:
        await link.execute("INSERT INTO users (id, display_name) VALUES (%s, 'x')", (owner,))
        oauth, registry = OAuth(transport), Registry(PROVIDERS, APPS)
        ring = tmp_path / "keyring.json"
        vault = await open_vault(
            empty_database, FileKeyRing.create(ring), RegisteredUpstream(oauth, registry)
        )
        verifier, app = new_verifier(), registry.app("spotify", "operator")
        url = oauth.authorize_url(SPOTIFY, app, REDIRECT, SCOPES, "state", verifier)
        code = SecretStr(httpx2.URL(emulator.agree(url)).params["code"])
        tokens = await oauth.exchange(SPOTIFY, app, REDIRECT, code, verifier)
        account = Account("https://accounts.spotify.com", "ana", "Ana")
        saved = await vault.save(owner, "spotify", "operator", account, tokens, SCOPES, None)
        emulator.expire("access")

        async def source(refused: int | None) -> object:
            return await vault.credential(owner, "spotify", refused=refused)

        client = Spotify(Http(transport), source)  # type: ignore[arg-type]
        credential = await vault.credential(owner, "spotify")
        playback = await client.playback()
        emulator.revoke("ana")
        with pytest.raises(ConnectionExpired) as caught:
            await client.playback()

        secrets = emulator.canaries() | {
            verifier.get_secret_value(),
            APPS["spotify"].client_secret.get_secret_value(),  # type: ignore[union-attr]
            *[part for part in ring.read_text().split('"') if len(part) == 44],
        }
        assert len(secrets) >= 6
        kept = [vault, client, credential, tokens, saved, playback, oauth, registry]
        texts = [repr(thing) for thing in [*living(), *kept]] + [str(thing) for thing in kept]
        texts += [f"{thing}" for thing in kept]
        texts += traceback.TracebackException.from_exception(caught.value, capture_locals=False).format()
        assert len(texts) > 50
        assert not [text for text in texts if any(secret in text for secret in secrets)]
