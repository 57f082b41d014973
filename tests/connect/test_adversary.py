"""What an adversary tries at the authorization server who has no account, no secret and a good browser."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import httpx2
import pytest

from tests.connect.authserver import (
    CALLBACK,
    ISSUER,
    RESOURCE,
    VERIFIER,
    WRONG_VERIFIER,
    House,
    assert_error,
    challenge,
    open_house,
    query,
)
from tests.connect.inn import Inn
from tests.connect.test_authorize import assert_page, assert_sent_back
from tests.connect.test_clientauth import basic
from tests.connect.test_vouched import Post
from tests.connect.tlshost import document
from vault.ids import new_id
from vault.opaque import digest
from vault.store.database import Database

WEB, LOCAL = "https://chat.example/cb", "http://localhost:50001/callback"
CRLF = "x\r\nSet-Cookie: session=stolen\r\n\r\n<script>"


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
async def house(database: Database, post: Post) -> AsyncIterator[House]:
    async with open_house(database, fetcher=post) as house:
        yield house


@pytest.fixture
async def client(house: House) -> str:
    return str((await house.register())["client_id"])


async def test_pkce_can_not_be_left_out_or_weakened(house: House, client: str) -> None:
    for weak in (
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
        {"code_challenge": VERIFIER, "code_challenge_method": None},
    ):
        assert_sent_back(await house.ask(client, **weak), "invalid_request")
    # The challenge itself is no verifier, though `plain` would have it so.
    code = await house.code(client)
    assert_error(await house.exchange(client, code, code_verifier=challenge()), "invalid_grant")
    # Nor does a code without a verifier get through as one of a client that has a secret.
    made = await house.register(token_endpoint_auth_method="client_secret_basic")
    code = await house.code(made["client_id"])
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    answer = await house.http.post(
        "/token", data=form, headers=basic(made["client_id"], made["client_secret"])
    )
    assert_error(answer, "invalid_request")


async def test_an_injected_code_is_worth_nothing_to_the_client_it_is_injected_into(
    house: House, client: str
) -> None:
    """The attacker's own code in the victim's browser, or the other way round: the verifier is another's."""
    attackers = await house.code(client, user=await house.person(), code_challenge=challenge(WRONG_VERIFIER))
    assert_error(await house.exchange(client, attackers), "invalid_grant")
    assert (
        await house.execute(
            "SELECT 1 FROM codes WHERE hash = %s AND family_id IS NOT NULL", digest(attackers)
        )
        == []
    )
    other = (await house.register())["client_id"]
    victims = await house.code(client)
    assert_error(await house.exchange(other, victims), "invalid_grant")


async def test_every_answer_names_who_gives_it(house: House, client: str) -> None:
    """Mix-up: a client of two servers sees which one answered, on success and on error (RFC 9207)."""
    place = "/.well-known/oauth-authorization-server"
    metadata = (await house.http.get(place)).json()
    assert metadata["authorization_response_iss_parameter_supported"] is True
    good = await house.approve(await house.pending(client))
    flow = await house.flows.find_authorize(await house.pending(client))
    assert flow is not None
    no = query(await house.authorize.deny(flow))
    bad = query((await house.ask(client, scope="made_up")).headers["location"])
    assert {good["iss"], no["iss"], bad["iss"], metadata["issuer"]} == {ISSUER}
    assert (no["error"], bad["error"]) == ("access_denied", "invalid_scope")


async def test_nothing_that_a_stranger_sends_becomes_a_header(house: House, client: str) -> None:
    flow = await house.flows.find_authorize(await house.pending(client, state=CRLF))
    assert flow is not None
    location = await house.authorize.approve(flow, house.user, frozenset())
    assert query(location)["state"] == CRLF
    refused = await house.ask(client, state=CRLF, scope="made_up")
    for address in (location, refused.headers["location"]):
        assert not {"\r", "\n", "<", " "} & set(address)
    assert "set-cookie" not in refused.headers
    for name, address in ((client, f"{CALLBACK}{CRLF}"), (CRLF, CALLBACK)):
        answer = await house.ask(name, redirect_uri=address)
        assert "stolen" not in assert_page(answer)
        assert "set-cookie" not in answer.headers
    answer = await house.http.post("/register", json={"redirect_uris": [f"{CALLBACK}{CRLF}"]})
    assert_error(answer, "invalid_redirect_uri")
    answer = await house.http.post("/token", data={"client_id": CRLF, "grant_type": CRLF})
    assert "stolen" not in assert_error(answer, "invalid_client", 401)


@pytest.mark.parametrize("path", ["/token", "/revoke"])
async def test_what_stands_in_the_query_is_not_read(house: House, client: str, path: str) -> None:
    """A query ends up in logs and histories (OAuth 2.1 §7.1)."""
    code, tokens = await house.code(client), await house.login(client)
    fields = {
        "grant_type": "authorization_code",
        "client_id": client,
        "code": code,
        "code_verifier": VERIFIER,
        "redirect_uri": CALLBACK,
        "token": tokens["access_token"],
    }
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert_error(await house.http.post(f"{path}?{urlencode(fields)}", headers=form), "invalid_client", 401)
    body = urlencode({"client_id": client, "grant_type": "authorization_code"})
    answer = await house.http.post(f"{path}?{urlencode(fields)}", content=body, headers=form)
    assert_error(answer, "invalid_request")
    assert await house.who(tokens["access_token"]) is not None
    assert (await house.exchange(client, code)).status_code == 200


async def test_secrets_are_compared_in_constant_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """hmac.compare_digest alone decides about a client's secret and a verifier, on digests of one length."""
    made = await house.register(token_endpoint_auth_method="client_secret_post")
    name, secret = made["client_id"], made["client_secret"]
    code = await house.code(name)
    real, seen = hmac.compare_digest, list[tuple[int, int]]()

    def believing(one: bytes, other: bytes) -> bool:
        seen.append((len(one), len(other)))
        return True

    wrong = {"client_secret": "x", "code_verifier": WRONG_VERIFIER}
    assert_error(await house.exchange(name, code, **{**wrong, "client_secret": None}), "invalid_client", 401)
    monkeypatch.setattr(hmac, "compare_digest", believing)
    answer = await house.exchange(name, code, **wrong)
    monkeypatch.setattr(hmac, "compare_digest", real)
    assert answer.status_code == 200, "nothing else had an opinion"
    assert seen == [(32, 32), (43, 43)]
    code = await house.code(name)
    assert_error(await house.exchange(name, code, client_secret=secret[:-1]), "invalid_client", 401)


async def test_a_consent_is_for_one_address_of_a_client_that_many_share(house: House, post: Post) -> None:
    """A client-id document is public: any program of the person's machine can come under its name."""
    shared = f"https://{new_id().hex}.example/client.json"
    post.answers[shared] = document(shared, redirect_uris=[WEB, "http://localhost/callback"])
    good = await house.approve(await house.pending(shared, redirect_uri=WEB), frozenset({"spotify:write"}))
    tokens = (await house.exchange(shared, good["code"], redirect_uri=WEB)).json()
    handle = await house.pending(shared, redirect_uri=LOCAL, scope="spotify:read")
    (grant,) = await house.grants.list(house.user)
    assert grant.redirect_uri == WEB, "asking from elsewhere gives nothing"
    other = await house.approve(handle, frozenset({"spotify:read"}))
    second = (await house.exchange(shared, other["code"], redirect_uri=LOCAL)).json()
    held = {grant.redirect_uri: grant.scopes for grant in await house.grants.list(house.user)}
    assert held == {WEB: {"spotify:write"}, "http://localhost/callback": {"spotify:read"}}
    # What the second one asks for later is its own, too: neither adds to the other's.
    again = await house.approve(
        await house.pending(shared, redirect_uri=LOCAL, scope="notes:write"), frozenset()
    )
    await house.exchange(shared, again["code"], redirect_uri=LOCAL)
    first = await house.who(tokens["access_token"])
    assert first is not None and first.scopes == {"spotify:write"}
    (mine,) = [grant for grant in await house.grants.list(house.user) if grant.redirect_uri != WEB]
    assert await house.grants.cut(house.user, mine.id)
    assert await house.who(second["access_token"]) is None
    assert await house.who(tokens["access_token"]) is not None


async def test_a_client_gets_nothing_through_a_consent_that_was_anothers(inn: Inn) -> None:
    """Confused deputy: what the person connected and allowed before opens nothing for a new client.

    Their browser is signed in at Valet and at the provider, so a link of the attacker's is all it would take.
    """
    browser, user = await inn.guest()
    known = await inn.client()
    await inn.grant(user, known, frozenset({"spotify:read"}))
    attackers = await inn.client("Claude", "dcr", "https://evil.example/cb")
    question = {
        "response_type": "code",
        "client_id": attackers.id,
        "code_challenge": challenge(),
        "code_challenge_method": "S256",
        "scope": "spotify:read",
    }
    trips = len(inn.spotify.authorized)
    for _ in range(2):
        page = await browser.get(f"/authorize?{urlencode(question)}")
        assert page.location.startswith(f"{inn.public_url}/consent?h=")
        page = await browser.get(page.location.removeprefix(inn.public_url))
        assert (page.status, page.refresh) == (200, "")
        assert "An app at evil.example" in page.text and "unverified name" in page.text
    # A press of the button that another site makes the browser send carries no token of the page.
    form = page.form("/consent")
    forged = await browser.submit(form, csrf=None, decision="allow")
    assert forged.status == 403
    framed = await browser.post("/consent", {**form.fields, "decision": "allow"}, sec_fetch_site="cross-site")
    assert framed.status == 403
    assert await inn.count("SELECT count(*) FROM grants WHERE client_id = %s", attackers.id) == 0
    assert await inn.count("SELECT count(*) FROM codes WHERE client_id = %s", attackers.id) == 0
    assert len(inn.spotify.authorized) == trips, "nobody was sent to the provider"


async def test_malformed_and_oversized_forms_harm_nothing(house: House, client: str) -> None:
    tokens = await house.login(client)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    bodies: list[tuple[bytes, dict[str, str], int]] = [
        (b"a=" + b"x" * 17000, form, 413),
        (b"&".join(b"a%d=1" % n for n in range(2000)), form, 400),
        (b"&" * 16000, form, 400),
        (b"=" * 16000, form, 401),
        (b"client_id=%ff%fe", form, 400),
        (b"client_id=%00", form, 400),
        (b"\xff\xfe\x00", form, 400),
        (b"client_id=a&client_id=b", form, 400),
        (b"--x\r\nContent-Disposition: form-data; name=client_id\r\n\r\na\r\n--x--",
         {"Content-Type": "multipart/form-data; boundary=x"}, 400),
        (b"{}", {"Content-Type": "application/json"}, 400),
    ]  # fmt: skip
    for path in ("/token", "/revoke", "/authorize"):
        answers = await asyncio.gather(
            *(house.http.post(path, content=body, headers=headers) for body, headers, _ in bodies)
        )
        for answer, (_, _, status) in zip(answers, bodies, strict=True):
            assert answer.status_code in ({status} if path != "/authorize" else {400, 413}), answer.text
            assert "location" not in answer.headers
    assert await house.who(tokens["access_token"]) is not None
    assert (await house.refresh(client, tokens["refresh_token"])).status_code == 200


async def test_a_token_of_ours_is_for_our_resource_only(house: House, client: str) -> None:
    """Bound at authorize, to the code, and to what a refresh gives (RFC 8707)."""
    for other in ("https://other.example/mcp", f"{ISSUER}/", f"{RESOURCE}/x"):
        assert_sent_back(await house.ask(client, resource=other), "invalid_target")
        code = await house.code(client)
        assert_error(await house.exchange(client, code, resource=other), "invalid_target")
        tokens = (await house.exchange(client, code)).json()
        answer: httpx2.Response = await house.refresh(client, tokens["refresh_token"], resource=other)
        assert_error(answer, "invalid_target")
        who = await house.who(tokens["access_token"])
        assert who is not None and who.resource == RESOURCE
