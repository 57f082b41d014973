"""A provider that describes itself: what of its description is believed, and what ends it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from providers.base import Rejected, Unavailable
from providers.google import GOOGLE
from providers.http import Http
from providers.oidc import Discovery, is_address, record
from providers.transport import Transport

ISSUER = "https://id.example:8443/realms/house/"
GOOD: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://id.example:8443/auth?tenant=1",
    "token_endpoint": "https://tokens.example/token",
    "jwks_uri": "https://keys.example:444/keys",
    "response_types_supported": ["code"],
    "id_token_signing_alg_values_supported": ["none", "HS256", "RS256", "ES256", "XX"],
    "code_challenge_methods_supported": ["plain", "S256"],
}


class House:
    """A provider at the wire: what it answers, and how often it was asked."""

    def __init__(self, **changes: Any) -> None:
        self.description = {k: v for k, v in {**GOOD, **changes}.items() if v is not None}
        self.status, self.asked, self.clock = 200, list[str](), 0.0
        self.http = Http(Transport(httpx2.MockTransport(self._answer)), sleep=self._sleep)
        self.discovery = Discovery(self.http, clock=lambda: self.clock)
        self.record = record(ISSUER, "House")

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(str(request.url))
        await asyncio.sleep(0)
        return httpx2.Response(self.status, json=self.description)

    async def _sleep(self, seconds: float) -> None:
        return None


async def test_the_record_is_completed_by_what_it_says_of_itself() -> None:
    house = House()
    found = await house.discovery.complete(house.record)
    assert house.asked == ["https://id.example:8443/realms/house/.well-known/openid-configuration"]
    assert found.authorize_url == "https://id.example:8443/auth?tenant=1"
    assert found.token_url == "https://tokens.example/token"
    assert found.hosts == {"keys.example:444"}
    assert found.openid is not None
    assert found.openid.keys_url == "https://keys.example:444/keys"
    assert found.openid.algorithms == ("RS256", "ES256")
    assert found.openid.issuers == {ISSUER}
    assert (found.services, found.answers_issuer, found.secret_in_body) == ((), False, False)


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://id.example:8443/realms/house"},
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"authorization_endpoint": "http://id.example/auth"},
        {"authorization_endpoint": None},
        {"token_endpoint": "http://127.0.0.1/token"},
        {"token_endpoint": "https://user@id.example/token"},
        {"token_endpoint": 7},
        {"jwks_uri": "https://keys.example/keys#x"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "javascript:alert(1)"},
        {"code_challenge_methods_supported": ["plain"]},
        {"code_challenge_methods_supported": []},
        {"id_token_signing_alg_values_supported": ["none", "HS256"]},
        {"id_token_signing_alg_values_supported": "RS256"},
    ],
)
async def test_a_description_that_leads_astray_is_refused(changes: dict[str, Any]) -> None:
    house = House(**changes)
    with pytest.raises(Rejected) as refused:
        await house.discovery.complete(house.record)
    assert refused.value.reason == "DESCRIPTION"
    assert "Tell whoever runs this Valet" in refused.value.message
    assert "evil.example" not in refused.value.message


async def test_what_it_leaves_out_is_as_the_standard_has_it() -> None:
    house = House(code_challenge_methods_supported=None, id_token_signing_alg_values_supported=None)
    found = await house.discovery.complete(house.record)
    assert found.openid is not None
    assert found.openid.algorithms == ("RS256",)


@pytest.mark.parametrize(
    ("methods", "in_body"),
    [
        (None, False),
        (["client_secret_post"], True),
        (["client_secret_post", "client_secret_basic"], False),
        (["private_key_jwt"], False),
    ],
)
async def test_the_secret_goes_where_it_is_taken(methods: list[str] | None, in_body: bool) -> None:
    house = House(token_endpoint_auth_methods_supported=methods)
    assert (await house.discovery.complete(house.record)).secret_in_body is in_body


async def test_all_who_need_it_at_once_share_one_reading() -> None:
    house = House()
    await asyncio.gather(*(house.discovery.complete(house.record) for _ in range(8)))
    assert len(house.asked) == 1


async def test_one_that_is_down_is_unavailable_and_read_again() -> None:
    house = House()
    house.status = 503
    with pytest.raises(Unavailable):
        await house.discovery.complete(house.record)
    house.status = 200
    assert (await house.discovery.complete(house.record)).token_url


async def test_a_record_that_is_whole_is_left_alone() -> None:
    house = House()
    assert await house.discovery.complete(GOOGLE) is GOOGLE
    assert house.asked == []


@pytest.mark.parametrize(
    ("claims", "label", "email"),
    [
        ({"email": "Ana@x.example", "email_verified": True}, "Ana@x.example", "ana@x.example"),
        ({"email": "ana@x.example"}, "ana@x.example", None),
        ({"email": "ana@x.example", "email_verified": "true"}, "ana@x.example", None),
        ({"email": 7, "email_verified": True, "preferred_username": "ana", "name": "Ana D"}, "ana", None),
        ({"name": "Ana D", "hd": "x.example"}, "Ana D", None),
        ({}, "House", None),
    ],
)
def test_an_account_is_called_by_what_there_is(
    claims: dict[str, object], label: str, email: str | None
) -> None:
    openid = record(ISSUER, "House").openid
    assert openid is not None
    found = openid.account({"sub": "s|1", **claims})
    assert (found.issuer, found.subject, found.label, found.email) == (ISSUER, "s|1", label, email)
    assert found.domain is None


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("https://id.example", True),
        ("https://id.example:8443/realms/x/", True),
        ("http://id.example", False),
        ("https://", False),
        ("https://id.example:port", False),
        ("https://a@id.example", False),
        ("https://id.example/ x", False),
        ("https://id.example\\@evil.example", False),
        ("https://id.exämple", False),
        ("", False),
    ],
)
def test_an_address_is_https_and_plain(text: str, is_one: bool) -> None:
    assert is_address(text) is is_one
