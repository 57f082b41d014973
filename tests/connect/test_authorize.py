"""The authorization endpoint: pages until the redirect URI is proven, redirects after that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import httpx2
import pytest
from structlog.testing import capture_logs

from connect.authorize import AlreadyUsed
from tests.connect.authserver import (
    CALLBACK,
    ISSUER,
    RESOURCE,
    SCOPES,
    House,
    assert_description,
    challenge,
    open_house,
    query,
)
from vault.store.database import Database
from vault.store.flows import AuthorizeFlow


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    async with open_house(database) as house:
        yield house


async def flow_of(house: House, handle: str) -> AuthorizeFlow:
    flow = await house.flows.find_authorize(handle)
    assert flow is not None
    return flow


def assert_page(answer: httpx2.Response, status: int = 400) -> str:
    """A page for a person: no redirect, nothing kept by a cache."""
    assert answer.status_code == status
    assert "location" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    return answer.text


def assert_sent_back(answer: httpx2.Response, error: str, state: str | None = "state-of-the-client") -> str:
    """The client is told, at its own address, with the issuer; returns the description."""
    assert answer.status_code == 303, answer.text
    location = answer.headers["location"]
    assert location.startswith(CALLBACK + "?")
    fields = query(location)
    description = fields.pop("error_description")
    assert fields == {"error": error, "iss": ISSUER} | ({"state": state} if state else {})
    assert_description(description)
    return description


async def test_a_request_is_noted_and_leads_to_the_consent_page(house: House) -> None:
    client = (await house.register(client_name="My chat"))["client_id"]
    answer = await house.ask(client, scope="spotify:read notes:write")
    assert answer.status_code == 303
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    flow = await flow_of(house, query(answer.headers["location"])["h"])
    assert (flow.client_id, flow.client_name, flow.client_kind) == (client, "My chat", "dcr")
    assert (flow.redirect_uri, flow.registered_uri) == (CALLBACK, CALLBACK)
    assert flow.scopes == {"spotify:read", "notes:write"}
    assert (flow.state, flow.resource) == ("state-of-the-client", RESOURCE)
    assert "state-of-the-client" not in repr(flow)


async def test_a_form_post_does_the_same(house: House) -> None:
    client = (await house.register())["client_id"]
    answer = await house.http.post("/authorize", data=house.question(client))
    assert answer.status_code == 303
    assert (await flow_of(house, query(answer.headers["location"])["h"])).client_id == client


async def test_asking_twice_is_harmless(house: House) -> None:
    client = (await house.register())["client_id"]
    first, second = await house.pending(client), await house.pending(client)
    assert first != second
    assert "code" in await house.approve(second)
    assert await house.flows.find_authorize(first) is not None


async def test_without_state_scope_and_resource_the_defaults_hold(house: House) -> None:
    client = (await house.register())["client_id"]
    flow = await flow_of(house, await house.pending(client, state=None, scope=None, resource=None))
    assert flow.scopes == set(SCOPES)
    assert flow.resource == RESOURCE
    assert flow.state is None
    assert set(await house.approve(await house.pending(client, state=None))) == {"code", "iss"}


async def test_a_program_that_looks_first_learns_that_its_registration_is_gone(house: House) -> None:
    gone = {"client_id": "vlt_client_gone", "response_type": "code", "redirect_uri": CALLBACK}
    for accept in ("text/html,application/xhtml+xml,application/json;q=0.9", "*/*", ""):
        assert_page(await house.http.get("/authorize", params=gone, headers={"Accept": accept}))
    answer = await house.http.get("/authorize", params=gone, headers={"Accept": "application/json"})
    assert answer.json()["error"] == "invalid_client"
    assert answer.status_code == 400 and answer.headers["cache-control"] == "no-store"
    assert_description(answer.json()["error_description"])
    # What is known and leads elsewhere is a page for everybody: no new registration would mend it.
    client_id = (await house.register())["client_id"]
    elsewhere = {**gone, "client_id": client_id, "redirect_uri": "https://elsewhere.example/"}
    assert_page(await house.http.get("/authorize", params=elsewhere, headers={"Accept": "application/json"}))


async def test_an_unknown_client_gets_a_page(house: House) -> None:
    for unknown in ("nobody", "https://client.example/id.json", "x\u00e9", "' OR 1=1"):
        text = assert_page(await house.ask(unknown))
        assert unknown not in text
        assert "add it again" in text


@pytest.mark.parametrize(
    "missing", [{"client_id": None}, {"client_id": ""}], ids=["left out", "without a value"]
)
async def test_a_request_without_client_gets_a_page(house: House, missing: dict[str, str | None]) -> None:
    changes = {"redirect_uri": CALLBACK, **missing}
    fields = {n: v for n, v in (house.question("x") | changes).items() if v is not None}
    assert_page(await house.http.get("/authorize", params=fields))


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/cb",
        CALLBACK + "/",
        CALLBACK + "?x=1",
        CALLBACK + "#x",
        CALLBACK.upper(),
        "http://localhost:3334/oauth/../oauth/callback",
        "http://localhost:3334\\@evil.example/oauth/callback",
        "http://localhost:3334@evil.example/oauth/callback",
        "http://127.0.0.1:3334/oauth/callback",
        "https://localhost:3334/oauth/callback",
        "http://localhost:99999/oauth/callback",
        "http://localhost:/oauth/callback",
        "http://localhost.evil.example/oauth/callback",
        "javascript:alert(1)",
    ],
)
async def test_an_address_that_is_not_registered_gets_a_page(house: House, uri: str) -> None:
    client = (await house.register())["client_id"]
    assert uri not in assert_page(await house.ask(client, redirect_uri=uri))


@pytest.mark.parametrize(
    ("registered", "presented"),
    [
        ("http://localhost/callback", "http://localhost:49152/callback"),
        ("http://127.0.0.1/callback", "http://127.0.0.1:1/callback"),
        ("http://[::1]/callback", "http://[::1]:65535/callback"),
        ("http://localhost:3334/cb?k=1", "http://localhost:4444/cb?k=1"),
        ("http://127.0.0.1:33418/", "http://127.0.0.1:60001/"),
        ("http://127.0.0.1:33418", "http://127.0.0.1"),
    ],
)
async def test_a_loopback_address_matches_on_any_port(house: House, registered: str, presented: str) -> None:
    client = (await house.register(redirect_uris=["https://host.example/cb", registered]))["client_id"]
    flow = await flow_of(house, await house.pending(client, redirect_uri=presented))
    assert (flow.redirect_uri, flow.registered_uri) == (presented, registered)
    location = await house.authorize.approve(flow, house.user, frozenset())
    assert location.startswith(presented)


@pytest.mark.parametrize(
    ("registered", "presented"),
    [
        ("https://localhost:1/cb", "https://localhost:2/cb"),
        ("https://host.example/cb", "https://host.example:444/cb"),
        ("http://localhost/cb", "http://127.0.0.1:1/cb"),
        ("http://[::1]/cb", "http://127.0.0.1/cb"),
        ("http://localhost/cb", "http://localhost:1/other"),
        ("http://localhost/cb?a=1", "http://localhost:1/cb?a=2"),
        ("cursor://anysphere.cursor-mcp/oauth/callback", "cursor://anysphere.cursor-mcp:1/oauth/callback"),
    ],
)
async def test_nothing_else_about_an_address_may_differ(
    house: House, registered: str, presented: str
) -> None:
    client = (await house.register(redirect_uris=[registered]))["client_id"]
    assert_page(await house.ask(client, redirect_uri=presented))


async def test_any_port_is_for_the_persons_own_machine_only(house: House) -> None:
    client = await house.put("http://host.example/cb")
    assert_page(await house.ask(client.id, redirect_uri="http://host.example:444/cb"))


async def test_the_one_registered_address_may_be_left_out(house: House) -> None:
    client = (await house.register())["client_id"]
    flow = await flow_of(house, await house.pending(client, redirect_uri=None))
    assert flow.redirect_uri == CALLBACK
    several = (await house.register(redirect_uris=[CALLBACK, "https://host.example/cb"]))["client_id"]
    assert_page(await house.ask(several, redirect_uri=None))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"request_uri": "https://evil.example/r"}, "request_uri_not_supported"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "x" * 129}, "invalid_request"),
        ({"code_challenge": "x" * 42 + "="}, "invalid_request"),
        ({"code_challenge": "x" * 42 + "\n"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"scope": "admin everything"}, "invalid_scope"),
        ({"scope": "offline_access"}, "invalid_scope"),
        ({"resource": "https://other.example/mcp"}, "invalid_target"),
        ({"resource": ISSUER}, "invalid_target"),
        ({"resource": RESOURCE + "/sub"}, "invalid_target"),
        ({"resource": RESOURCE + "?x=1"}, "invalid_target"),
        ({"resource": RESOURCE + "#x"}, "invalid_target"),
        ({"resource": "http://127.0.0.1:8421/mcp"}, "invalid_target"),
        ({"resource": "http://user@127.0.0.1:8420/mcp"}, "invalid_target"),
        ({"resource": "http://127.0.0.1:x/mcp"}, "invalid_target"),
        ({"resource": "not a uri"}, "invalid_target"),
    ],
)
async def test_other_errors_go_back_to_the_client(
    house: House, changes: dict[str, str | None], error: str
) -> None:
    client = (await house.register())["client_id"]
    description = assert_sent_back(await house.ask(client, **changes), error)
    for value in changes.values():
        assert not value or len(value) < 6 or value not in description
    assert_sent_back(await house.ask(client, state=None, **changes), error, state=None)
    assert await house.execute("SELECT id FROM flows WHERE client_id = %s", client) == []


@pytest.mark.parametrize(
    "resource", [RESOURCE + "/", "HTTP://127.0.0.1:8420/mcp", "http://127.0.0.1:8420/mcp//"]
)
async def test_our_resource_may_be_spelled_a_little_differently(house: House, resource: str) -> None:
    client = (await house.register())["client_id"]
    assert (await flow_of(house, await house.pending(client, resource=resource))).resource == RESOURCE


@pytest.mark.parametrize(
    ("scope", "asked"),
    [
        ("spotify:read offline_access openid", {"spotify:read"}),
        ("  spotify:read   spotify:read ", {"spotify:read"}),
        ("", set(SCOPES)),
    ],
)
async def test_scopes_we_do_not_know_are_passed_over(house: House, scope: str, asked: set[str]) -> None:
    client = (await house.register())["client_id"]
    assert (await flow_of(house, await house.pending(client, scope=scope))).scopes == asked


@pytest.mark.parametrize("name", ["scope", "state", "code_challenge", "resource", "response_type", "made_up"])
async def test_a_parameter_sent_twice_is_an_error(house: House, name: str) -> None:
    client = (await house.register())["client_id"]
    fields = [*house.question(client, made_up="x", scope="spotify:read").items()]
    again = next(value for key, value in fields if key == name)
    answer = await house.http.get("/authorize?" + urlencode([*fields, (name, again)]))
    assert_sent_back(answer, "invalid_request", state=None if name == "state" else "state-of-the-client")
    posted = await house.http.post(
        "/authorize",
        content=urlencode([*fields, (name, "")]),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert_sent_back(posted, "invalid_request", state=None if name == "state" else "state-of-the-client")


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_a_client_or_address_sent_twice_is_never_trusted(house: House, name: str) -> None:
    client = (await house.register())["client_id"]
    fields = [*house.question(client).items()]
    again = [*fields, (name, dict(fields)[name])]
    assert_page(await house.http.get("/authorize?" + urlencode(again)))


async def test_damaged_and_huge_requests_get_a_page(house: House) -> None:
    client = (await house.register())["client_id"]
    good = urlencode(house.question(client))
    assert_page(await house.http.get(f"/authorize?{good}&x=%ff"))
    assert_page(await house.http.get(f"/authorize?{good}&x=%00"))
    assert_page(await house.http.get(f"/authorize?{good}&x=" + "y" * 16384), 414)
    assert_page(await house.http.post("/authorize", json=house.question(client)))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    big = await house.http.post("/authorize", content=f"{good}&x=" + "y" * 16384, headers=form)
    assert_page(big, 413)


async def test_approval_answers_code_state_and_issuer(house: House) -> None:
    client = (await house.register(redirect_uris=["https://host.example/cb?keep=a%20b"]))["client_id"]
    handle = await house.pending(client, redirect_uri="https://host.example/cb?keep=a%20b", state="s & ä=?")
    location = await house.authorize.approve(await flow_of(house, handle), house.user, ["spotify:write"])
    assert location.startswith("https://host.example/cb?keep=a%20b&code=vlt_ac_")
    fields = query(location)
    assert (fields["state"], fields["iss"], fields["keep"]) == ("s & ä=?", ISSUER, "a b")
    (grant,) = await house.grants.list(house.user)
    assert (grant.client_id, grant.scopes) == (client, frozenset({"spotify:write"}))
    assert grant.redirect_uri == "https://host.example/cb?keep=a%20b"


async def test_a_flow_is_answered_once(house: House) -> None:
    client = (await house.register())["client_id"]
    flow = await flow_of(house, await house.pending(client))
    answers = await asyncio.gather(
        *(house.authorize.approve(flow, house.user, frozenset()) for _ in range(10)),
        *(house.authorize.deny(flow) for _ in range(10)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, str) for answer in answers) == 1
    assert sum(isinstance(answer, AlreadyUsed) for answer in answers) == 19
    assert len(await house.execute("SELECT hash FROM codes WHERE client_id = %s", client)) <= 1


async def test_refusal_tells_the_client_and_gives_nothing(house: House) -> None:
    client = (await house.register())["client_id"]
    handle = await house.pending(client)
    location = await house.authorize.deny(await flow_of(house, handle))
    fields = query(location)
    assert_description(fields.pop("error_description"))
    assert fields == {"error": "access_denied", "state": "state-of-the-client", "iss": ISSUER}
    assert await house.flows.find_authorize(handle) is None
    assert await house.grants.list(house.user) == []


async def test_an_expired_flow_can_not_be_answered(house: House) -> None:
    client = (await house.register())["client_id"]
    handle = await house.pending(client)
    flow = await flow_of(house, handle)
    await house.execute("UPDATE flows SET expires_at = now() WHERE id = %s", flow.id)
    assert await house.flows.find_authorize(handle) is None
    with pytest.raises(AlreadyUsed):
        await house.authorize.approve(flow, house.user, frozenset())
    with pytest.raises(AlreadyUsed):
        await house.authorize.deny(flow)
    assert await house.grants.list(house.user) == []


async def test_only_scopes_of_ours_can_be_given(house: House) -> None:
    client = (await house.register())["client_id"]
    flow = await flow_of(house, await house.pending(client))
    with pytest.raises(ValueError, match="ours"):
        await house.authorize.approve(flow, house.user, {"spotify:read", "admin"})
    assert isinstance(await house.authorize.approve(flow, house.user, {"spotify:read"}), str)


async def test_a_second_consent_changes_what_it_asked_about(house: House) -> None:
    client = (await house.register())["client_id"]

    async def consent(scope: str, chosen: set[str]) -> frozenset[str]:
        await house.approve(await house.pending(client, scope=scope), frozenset(chosen))
        (grant,) = await house.grants.list(house.user)
        return grant.scopes

    assert await consent("spotify:read", {"spotify:read"}) == {"spotify:read"}
    assert await consent("notes:write", {"notes:write"}) == {"spotify:read", "notes:write"}
    assert await consent("notes:write", {"notes:read"}) == {"spotify:read", "notes:read"}
    assert await consent("notes:write", set()) == {"spotify:read"}, "write includes read"
    assert await consent("spotify:read notes:read", set()) == set()


async def test_every_person_and_address_has_a_grant_of_its_own(house: House) -> None:
    uris = ["http://localhost/cb", "https://host.example/cb"]
    client = (await house.register(redirect_uris=uris))["client_id"]
    other = await house.person()
    for uri in ("http://localhost:1111/cb", "http://localhost:2222/cb", "https://host.example/cb"):
        await house.approve(await house.pending(client, redirect_uri=uri))
    await house.approve(await house.pending(client, redirect_uri=uris[0]), user=other)
    assert [g.redirect_uri for g in await house.grants.list(house.user)] == uris
    assert [g.redirect_uri for g in await house.grants.list(other)] == uris[:1]


async def test_nothing_of_the_answer_is_logged(house: House) -> None:
    client = (await house.register())["client_id"]
    with capture_logs() as logs:
        handle = await house.pending(client)
        fields = await house.approve(handle)
        await house.ask(client, scope="nonsense")
        await house.authorize.deny(await flow_of(house, await house.pending(client)))
    assert {entry["event"] for entry in logs} == {"grant_given", "authorize_refused", "grant_denied"}
    text = repr(logs)
    assert not [s for s in (handle, fields["code"], fields["state"], challenge(), "nonsense") if s in text]
