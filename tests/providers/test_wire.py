"""This room against the emulator in a process of its own: the production path, on real sockets."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from pydantic import SecretStr

from providers.base import (
    App,
    AppRejected,
    Credential,
    GrantRejected,
    NotFound,
    ProviderError,
    RateLimited,
    Rejected,
    ScopeMissing,
    TokenSet,
    Unavailable,
)
from providers.http import Http
from providers.oauth import OAuth, new_verifier
from providers.spotify import SPOTIFY, Spotify
from providers.transport import Transport, quiet_loggers
from tests.providers import spec
from tests.providers.upstream import told
from tests.support.emulator import CLIENT, REDIRECT, SECRET, EmulatorProcess

APP = App("operator", CLIENT, SecretStr(SECRET))
PUBLIC = App("own", "emulator-public")
ALL = SPOTIFY.service("spotify").upstream("write")
TOKEN_ROUTE = "POST accounts.spotify.com/api/token*"
API = "https://api.spotify.com/v1"
DESPACITO = "despacito"


class Recorder(httpx2.AsyncBaseTransport):
    """The real transport, and what went through it, as if the upstream had been real."""

    def __init__(self) -> None:
        self.inner = httpx2.AsyncHTTPTransport(trust_env=False)
        self.sent: list[tuple[str, str, dict[str, str], bytes]] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = "https://" + str(request.url).split("/", 3)[3]
        self.sent.append((request.method, url, dict(request.headers), await request.aread()))
        return await self.inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self.inner.aclose()


@dataclass
class Wire:
    """Everything of ours, plugged into one emulator."""

    emulator: EmulatorProcess
    transport: Transport
    recorder: Recorder
    oauth: OAuth
    http: Http
    tokens: list[TokenSet] = field(default_factory=list)

    def code(
        self, app: App, verifier: SecretStr, account: str = "ana", scopes: frozenset[str] = ALL
    ) -> SecretStr:
        url = self.oauth.authorize_url(SPOTIFY, app, REDIRECT, scopes, "state-1", verifier)
        answer = parse_qs(urlsplit(self.emulator.agree(url, account)).query)
        assert answer["state"] == ["state-1"]
        return SecretStr(answer["code"][0])

    async def connect(self, account: str = "ana", app: App = APP, scopes: frozenset[str] = ALL) -> TokenSet:
        verifier = new_verifier()
        code = self.code(app, verifier, account, scopes)
        return await self.oauth.exchange(SPOTIFY, app, REDIRECT, code, verifier)

    async def spotify(self, account: str = "ana", scopes: frozenset[str] = ALL) -> Spotify:
        tokens = await self.connect(account, scopes=scopes)
        return Spotify(self.http, tokens.access_token)


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as running:
        yield running


@asynccontextmanager
async def wired(emulator: EmulatorProcess, deadline: float = 20.0) -> AsyncIterator[Wire]:
    async def at_once(_: float) -> None:
        return

    recorder = Recorder()
    async with Transport(recorder, emulator_origin=emulator.origin) as transport:
        oauth, http = OAuth(transport, deadline=deadline), Http(transport, deadline=deadline, sleep=at_once)
        yield Wire(emulator, transport, recorder, oauth, http)


@pytest.fixture
async def wire(emulator: EmulatorProcess) -> AsyncIterator[Wire]:
    emulator.reset()
    emulator.clear_faults()
    emulator.settings(lag_ms=0)
    async with wired(emulator) as plugged:
        yield plugged
    emulator.clear_faults()


# --- OAuth ---


@pytest.mark.parametrize("app", [APP, PUBLIC], ids=["secret and PKCE", "PKCE alone"])
async def test_connecting_refreshing_and_who_it_is(wire: Wire, app: App) -> None:
    tokens = await wire.connect("ana", app)
    assert tokens.scopes == ALL
    assert 3500 < tokens.expires_in <= 3600
    assert tokens.refresh_token is not None
    fresh = await wire.oauth.refresh(SPOTIFY, app, tokens.refresh_token)
    assert fresh.access_token != tokens.access_token
    assert fresh.refresh_token is None
    ana = wire.emulator.accounts()["ana"]
    account = await SPOTIFY.account(wire.http, fresh.access_token)
    assert (account.issuer, account.subject, account.label) == (
        SPOTIFY.issuer,
        ana["account_id"],
        ana["name"],
    )
    assert account.subject != ana["id"]


async def test_a_rotated_refresh_token_comes_back(wire: Wire) -> None:
    wire.emulator.settings(rotate=True)
    first = await wire.connect()
    assert first.refresh_token is not None
    second = await wire.oauth.refresh(SPOTIFY, APP, first.refresh_token)
    assert second.refresh_token is not None
    assert second.refresh_token != first.refresh_token
    with pytest.raises(GrantRejected):
        await wire.oauth.refresh(SPOTIFY, APP, first.refresh_token)


@pytest.mark.parametrize("end", ["expired", "revoked", "grant"])
async def test_a_dead_refresh_token(wire: Wire, end: str) -> None:
    tokens = await wire.connect()
    assert tokens.refresh_token is not None
    if end == "revoked":
        wire.emulator.revoke("ana")
    else:
        wire.emulator.expire("refresh" if end == "expired" else "grants")
    with pytest.raises(GrantRejected):
        await wire.oauth.refresh(SPOTIFY, APP, tokens.refresh_token)


async def test_a_code_works_once(wire: Wire) -> None:
    verifier = new_verifier()
    code = wire.code(APP, verifier)
    await wire.oauth.exchange(SPOTIFY, APP, REDIRECT, code, verifier)
    with pytest.raises(GrantRejected):
        await wire.oauth.exchange(SPOTIFY, APP, REDIRECT, code, verifier)


@pytest.mark.parametrize("app", [APP, PUBLIC], ids=["secret and PKCE", "PKCE alone"])
async def test_the_verifier_is_checked(wire: Wire, app: App) -> None:
    code = wire.code(app, new_verifier())
    with pytest.raises(GrantRejected):
        await wire.oauth.exchange(SPOTIFY, app, REDIRECT, code, new_verifier())


async def test_another_redirect_uri_is_refused(wire: Wire) -> None:
    verifier = new_verifier()
    code = wire.code(APP, verifier)
    with pytest.raises((GrantRejected, Rejected)):
        await wire.oauth.exchange(SPOTIFY, APP, REDIRECT + "/", code, verifier)


async def test_a_wrong_secret_is_the_apps_fault(wire: Wire) -> None:
    tokens = await wire.connect()
    assert tokens.refresh_token is not None
    with pytest.raises(AppRejected):
        await wire.oauth.refresh(SPOTIFY, App("operator", CLIENT, SecretStr("wrong")), tokens.refresh_token)


@pytest.mark.parametrize(
    ("kind", "values", "expected", "ambiguous"),
    [
        ("status", {"status": 500}, Unavailable, False),
        ("status", {"status": 503, "retry_after": 7}, Unavailable, False),
        ("status", {"status": 429, "retry_after": 7}, RateLimited, None),
        ("garbage", {}, Unavailable, True),
        ("truncated", {}, Unavailable, True),
        ("cut", {}, Unavailable, True),
        ("lost", {}, Unavailable, True),
        ("reset", {}, Unavailable, True),
    ],
)
async def test_a_token_endpoint_in_trouble(
    wire: Wire, kind: str, values: dict[str, Any], expected: type[ProviderError], ambiguous: bool | None
) -> None:
    tokens = await wire.connect()
    assert tokens.refresh_token is not None
    wire.emulator.forget()
    wire.emulator.fault(TOKEN_ROUTE, kind, **values)
    with pytest.raises(expected) as caught:
        await wire.oauth.refresh(SPOTIFY, APP, tokens.refresh_token)
    assert getattr(caught.value, "ambiguous", None) is ambiguous
    assert getattr(caught.value, "retry_after", None) == values.get("retry_after")
    assert wire.emulator.refreshes() == 1
    await wire.oauth.refresh(SPOTIFY, APP, tokens.refresh_token)


async def test_a_hanging_token_endpoint_ends_at_the_deadline(wire: Wire) -> None:
    tokens = await wire.connect()
    assert tokens.refresh_token is not None
    wire.emulator.fault(TOKEN_ROUTE, "hang")
    async with wired(wire.emulator, deadline=0.3) as hasty:
        with pytest.raises(Unavailable) as caught:
            await hasty.oauth.refresh(SPOTIFY, APP, tokens.refresh_token)
    assert caught.value.ambiguous


async def test_nobody_there_is_not_ambiguous(wire: Wire) -> None:
    gone = EmulatorProcess()
    origin = gone.start()
    gone.stop()
    async with Transport(emulator_origin=origin) as transport:
        with pytest.raises(Unavailable) as caught:
            await OAuth(transport).refresh(SPOTIFY, APP, SecretStr("x"))
        assert not caught.value.ambiguous
        with pytest.raises(Unavailable) as caught:
            await Spotify(Http(transport), SecretStr("x")).pause()
        assert not caught.value.ambiguous


# --- The API ---


async def test_search(wire: Wire) -> None:
    client = await wire.spotify()
    found = await client.search(
        DESPACITO, ["track", "album", "artist", "playlist", "show", "episode"], limit=3
    )
    assert found.tracks is not None
    first = found.tracks.items[0]
    assert first.name.lower().startswith(DESPACITO)
    assert first.uri == f"spotify:track:{first.id}"
    assert first.url == f"https://open.spotify.com/track/{first.id}"
    assert first.artists[0].name
    assert first.album is not None
    assert first.album.name
    assert first.duration_ms > 0
    pages = (found.albums, found.artists, found.playlists, found.shows, found.episodes)
    assert all(page is not None and len(page.items) <= 3 <= page.limit for page in pages)


async def test_playback_of_everybody(wire: Wire) -> None:
    ana = await (await wire.spotify("ana")).playback()
    assert ana is not None
    assert ana.device is not None
    assert (ana.is_playing, ana.device.is_active, ana.device.type) == (True, True, "Computer")
    assert ana.item is not None
    assert ana.item.uri == wire.emulator.player("ana")["current"]
    assert ana.context_uri == wire.emulator.player("ana")["context"]
    assert "resuming" in ana.disallows

    assert await (await wire.spotify("dana")).playback() is None

    emil = await (await wire.spotify("emil")).playback()
    assert emil is not None
    assert emil.device is not None
    assert (emil.device.id, emil.device.is_restricted) == (None, True)
    assert emil.item is not None
    assert emil.item.kind == "episode"
    assert emil.item.show is not None


async def test_devices_and_queue(wire: Wire) -> None:
    client = await wire.spotify()
    state = wire.emulator.player("ana")
    assert [device.id for device in await client.devices()] == [device["id"] for device in state["devices"]]
    queue = await client.queue()
    assert queue.currently_playing is not None
    assert queue.currently_playing.uri == state["current"]
    assert [item.uri for item in queue.queue][:3] == state["upcoming"][:3]
    assert await (await wire.spotify("dana")).devices() == ()


@pytest.mark.parametrize("bodies", [False, True], ids=["204", "200 with text"])
async def test_commands_do_what_they_say(wire: Wire, bodies: bool) -> None:
    wire.emulator.settings(command_bodies=bodies)
    client = await wire.spotify()
    state = wire.emulator.player

    await client.pause()
    assert state()["is_playing"] is False
    await client.resume()
    assert state()["is_playing"] is True
    before = state()["current"]
    await client.next()
    assert state()["current"] != before
    await client.previous()
    assert state()["current"] == before
    await client.pause()
    await client.seek(5_000)
    assert state()["progress_ms"] == 5_000

    found = await client.search(DESPACITO, ["track", "album"], limit=2)
    assert found.tracks is not None
    assert found.albums is not None
    track, album = found.tracks.items[0], found.albums.items[0]
    device = (await client.devices())[1]
    await client.play(uris=[track.uri], position_ms=1_000, device_id=device.id)
    assert (state()["current"], state()["active"], state()["context"]) == (track.uri, device.id, None)
    await client.play(context_uri=album.uri, offset=0)
    assert state()["context"] == album.uri


@pytest.mark.parametrize(
    ("account", "kind", "reason"),
    [("cleo", Rejected, "PREMIUM_REQUIRED"), ("dana", NotFound, "NO_ACTIVE_DEVICE")],
)
async def test_who_cannot_play_is_told_why(
    wire: Wire, account: str, kind: type[Rejected | NotFound], reason: str
) -> None:
    client = await wire.spotify(account)
    with pytest.raises(kind) as caught:
        await client.pause()
    assert caught.value.reason == reason


async def test_pausing_twice(wire: Wire) -> None:
    client = await wire.spotify()
    await client.pause()
    with pytest.raises(Rejected) as caught:
        await client.pause()
    assert caught.value.reason == "UNKNOWN"


async def test_a_stranger_to_the_app(wire: Wire) -> None:
    tokens = await wire.connect("ben")
    wire.emulator.settings(unregistered=["ben"])
    with pytest.raises(Rejected) as caught:
        await SPOTIFY.account(wire.http, tokens.access_token)
    assert caught.value.reason == "USER_NOT_ALLOW_LISTED"


async def test_a_scope_that_was_withheld(wire: Wire) -> None:
    wire.emulator.settings(withheld_scopes=["user-modify-playback-state"])
    tokens = await wire.connect()
    assert tokens.scopes == ALL - {"user-modify-playback-state"}
    client = Spotify(wire.http, tokens.access_token)
    await client.devices()
    with pytest.raises(ScopeMissing) as caught:
        await client.pause()
    assert caught.value.scopes == {"user-modify-playback-state"}


async def test_an_expired_access_token_is_renewed_in_the_call(wire: Wire) -> None:
    tokens = await wire.connect()
    assert tokens.refresh_token is not None
    refresh_token, asked = tokens.refresh_token, list[int | None]()

    async def source(refused: int | None) -> Credential:
        asked.append(refused)
        held = tokens if refused is None else await wire.oauth.refresh(SPOTIFY, APP, refresh_token)
        return Credential("c", held.access_token, held.expires_in, len(asked), ALL)

    wire.emulator.expire("access")
    await Spotify(wire.http, source).pause()
    assert asked == [None, 1]
    assert wire.emulator.player()["is_playing"] is False

    wire.emulator.revoke("ana")
    with pytest.raises(GrantRejected) as caught:
        await Spotify(wire.http, source).playback()
    assert caught.value.operation == "refresh"


async def test_an_access_token_that_died_for_good(wire: Wire) -> None:
    client = await wire.spotify()
    wire.emulator.revoke("ana")
    with pytest.raises(GrantRejected):
        await client.playback()


READ = "GET api.spotify.com/v1/me/player/devices*"
COMMAND = "POST api.spotify.com/v1/me/player/next*"


@pytest.mark.parametrize("kind", ["close", "reset", "lost", "status", "cut"])
async def test_a_read_survives_two_faults_and_not_three(wire: Wire, kind: str) -> None:
    client = await wire.spotify()
    values = {"status": 503} if kind == "status" else {}
    wire.emulator.fault(READ, kind, times=2, **values)
    assert len(await client.devices()) == 3
    wire.emulator.fault(READ, kind, times=3, **values)
    with pytest.raises(Unavailable):
        await client.devices()
    assert len(await client.devices()) == 3


@pytest.mark.parametrize("kind", ["garbage", "truncated"])
async def test_an_unreadable_read(wire: Wire, kind: str) -> None:
    client = await wire.spotify()
    wire.emulator.fault(READ, kind)
    with pytest.raises(Unavailable):
        await client.devices()


@pytest.mark.parametrize(
    ("kind", "done"), [("close", False), ("reset", False), ("lost", True), ("cut", None)]
)
async def test_a_command_is_never_sent_twice(wire: Wire, kind: str, done: bool | None) -> None:
    client = await wire.spotify()
    # Nobody answers with a body that could be cut unless commands have one.
    wire.emulator.settings(command_bodies=True)
    before = wire.emulator.player()["current"]
    sent = len(wire.recorder.sent)
    wire.emulator.fault(COMMAND, kind)
    with pytest.raises(Unavailable) as caught:
        await client.next()
    assert caught.value.ambiguous
    assert len(wire.recorder.sent) == sent + 1
    if done is not None:
        assert (wire.emulator.player()["current"] != before) is done


async def test_a_short_rate_limit_is_waited_for_and_a_quota_is_not(wire: Wire) -> None:
    client = await wire.spotify()
    wire.emulator.fault(COMMAND, "status", status=429, retry_after=2)
    await client.next()
    wire.emulator.fault(COMMAND, "status", status=429, retry_after=48925, reason="QUOTA_EXCEEDED")
    with pytest.raises(RateLimited) as caught:
        await client.next()
    assert (caught.value.retry_after, caught.value.reason) == (48925, "QUOTA_EXCEEDED")


# --- The published API, and the logs ---


async def test_every_request_is_one_the_published_api_knows(wire: Wire) -> None:
    contract = spec.spotify()
    client = await wire.spotify()
    tokens = await wire.connect()
    await SPOTIFY.account(wire.http, tokens.access_token)
    found = await client.search("a & b", ["track", "album", "episode"], limit=10, offset=5, market="DE")
    assert found.tracks is not None
    found = await client.search("a", ["track", "album"])
    assert found.tracks is not None
    assert found.albums is not None
    device = (await client.devices())[0].id
    await client.playback()
    await client.queue()
    await client.pause()
    await client.resume(device)
    await client.seek(0, device)
    await client.next(device)
    await client.previous()
    await client.play(
        uris=[track.uri for track in found.tracks.items], offset=1, position_ms=5, device_id=device
    )
    await client.play(context_uri=found.albums.items[0].uri, offset=0)
    await client.pause(device)
    checked = set()
    for method, url, headers, body in wire.recorder.sent:
        if url.startswith(API):
            contract.assert_request_valid(method, url, headers, body)
            assert headers["authorization"].startswith("Bearer ")
            checked.add((method, urlsplit(url).path))
    assert len(checked) == 10


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    names = ("httpx2", "httpcore2")
    before = {name: logging.getLogger(name).level for name in names}
    quiet_loggers()
    caplog.set_level(logging.DEBUG)
    yield caplog
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


async def test_no_log_and_no_error_holds_a_secret(
    wire: Wire, quiet: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    verifier, said = new_verifier(), []
    code = wire.code(APP, verifier)
    tokens = await wire.oauth.exchange(SPOTIFY, APP, REDIRECT, code, verifier)
    assert tokens.refresh_token is not None
    await wire.oauth.refresh(SPOTIFY, APP, tokens.refresh_token)
    client = Spotify(wire.http, tokens.access_token)
    await client.search("what-i-searched-for", ["track"])
    wire.emulator.revoke("ana")
    for failing in (
        client.playback(),
        wire.oauth.refresh(SPOTIFY, APP, tokens.refresh_token),
        wire.oauth.exchange(SPOTIFY, APP, REDIRECT, code, verifier),
    ):
        with pytest.raises(ProviderError) as caught:
            await failing
        said.append(told(caught.value))
    printed = capsys.readouterr()
    everything = "\n".join([quiet.text, printed.out, printed.err, *said])
    secrets = {*wire.emulator.canaries(), SECRET, verifier.get_secret_value(), "what-i-searched-for"}
    assert len(secrets) >= 6
    assert "upstream_call" in everything
    assert [secret for secret in secrets if secret in everything] == []
