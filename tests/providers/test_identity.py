"""Whose account it is: what an id_token must prove, and what never counts."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import SecretStr

from providers.base import Account, App, Rejected, TokenSet, Unavailable
from providers.google import GOOGLE
from providers.http import Http
from providers.identity import Identities
from providers.spotify import SPOTIFY
from providers.transport import Transport
from tests.providers.upstream import CANARY, Clock, told

APP = App("operator", "client-1")
NONCE = SecretStr(f"nonce-{CANARY}")
NOW = 1_800_000_000
KEYS = {name: rsa.generate_private_key(public_exponent=65537, key_size=2048) for name in ("one", "two")}
CLAIMS = {
    "iss": "https://accounts.google.com", "aud": "client-1", "azp": "client-1", "sub": "108",
    "email": "Ana@Example.org", "email_verified": True, "nonce": NONCE.get_secret_value(),
    "iat": NOW - 5, "exp": NOW + 3600,
}  # fmt: skip


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def jwk(kid: str, key: str) -> dict[str, str]:
    public = KEYS[key].public_key().public_numbers()
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": kid,
        "n": number(public.n),
        "e": number(public.e),
    }


def signed(claims: dict[str, Any], *, kid: str = "a", key: str = "one", alg: str = "RS256") -> SecretStr:
    """A token made without the library that reads it."""
    head = b64(json.dumps({"alg": alg, "kid": kid, "typ": "JWT"}).encode())
    body = f"{head}.{b64(json.dumps(claims).encode())}"
    if alg == "none":
        return SecretStr(f"{body}.")
    if alg == "HS256":
        import hmac

        secret = json.dumps(jwk(kid, key)).encode()
        return SecretStr(f"{body}.{b64(hmac.digest(secret, body.encode(), hashlib.sha256))}")
    return SecretStr(f"{body}.{b64(KEYS[key].sign(body.encode(), padding.PKCS1v15(), hashes.SHA256()))}")


@dataclass
class Google:
    """The key document of the provider, and who asks for it."""

    keys: Any = field(default_factory=lambda: {"keys": [jwk("a", "one")]})
    reads: int = 0

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        assert str(request.url) == "https://www.googleapis.com/oauth2/v3/certs"
        assert "authorization" not in request.headers
        self.reads += 1
        if isinstance(self.keys, bytes):
            return httpx2.Response(200, content=self.keys)
        return httpx2.Response(200, json=self.keys)


@dataclass
class Desk:
    google: Google = field(default_factory=Google)
    clock: Clock = field(default_factory=Clock)
    now: float = NOW

    def __post_init__(self) -> None:
        http = Http(Transport(httpx2.MockTransport(self.google)), sleep=self.clock.sleep)
        self.identities = Identities(http, clock=self.clock, now=lambda: self.now)

    async def ask(self, token: SecretStr | None, nonce: SecretStr | None = NONCE) -> Account:
        tokens = TokenSet(SecretStr("access"), 3600, id_token=token)
        return await self.identities.account(GOOGLE, APP, tokens, nonce)


async def test_a_genuine_token_names_the_account() -> None:
    account = await Desk().ask(signed(CLAIMS))
    assert (account.issuer, account.subject) == ("https://accounts.google.com", "108")
    assert (account.label, account.nickname) == ("Ana@Example.org", "personal")
    assert (account.email, account.domain) == ("ana@example.org", None)


@pytest.mark.parametrize(
    ("change", "email", "domain", "nickname"),
    [
        ({"hd": "Example.org"}, "ana@example.org", "example.org", "Example.org"),
        ({"email_verified": False}, None, None, "personal"),
        ({"email_verified": "true"}, None, None, "personal"),
        ({"email_verified": None}, None, None, "personal"),
        ({"email": None}, None, None, "personal"),
        ({"email": ["ana@example.org"]}, None, None, "personal"),
        ({"email": "kim@example.org"}, "kim@example.org", None, "personal"),
        ({"email": "\u212aim@example.org"}, None, None, "personal"),  # its lower case is kim@example.org
        ({"email": "ana@example.org *"}, None, None, "personal"),
        ({"email": "\ud800@example.org"}, None, None, "personal"),
        ({"hd": "\u212aim.example"}, "ana@example.org", None, "\u212aim.example"),
        ({"iss": "accounts.google.com"}, "ana@example.org", None, "personal"),
        ({"aud": ["client-1"]}, "ana@example.org", None, "personal"),
        ({"aud": ["other", "client-1"]}, "ana@example.org", None, "personal"),
        ({"azp": None}, "ana@example.org", None, "personal"),
    ],
)
async def test_what_it_says_of_an_account(
    change: dict[str, Any], email: str | None, domain: str | None, nickname: str
) -> None:
    claims = {name: value for name, value in {**CLAIMS, **change}.items() if value is not None}
    account = await Desk().ask(signed(claims))
    assert (account.email, account.domain, account.nickname) == (email, domain, nickname)


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://accounts.google.com.evil.example"},
        {"iss": None},
        {"iss": ["https://accounts.google.com"]},
        {"aud": "client-2"},
        {"aud": None},
        {"aud": ["client-2"]},
        {"azp": "client-2"},
        {"aud": ["client-1", "client-2"], "azp": None},
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": [NONCE.get_secret_value()]},
        {"nonce": ""},
        {"nonce": "\ud800"},
        {"sub": None},
        {"sub": ""},
        {"sub": 108},
        {"exp": NOW - 901},
        {"exp": None},
        {"exp": "soon"},
        {"iat": NOW + 3600},
    ],
    ids=str,
)
async def test_what_is_not_genuine_is_nobodys(change: dict[str, Any]) -> None:
    claims = {name: value for name, value in {**CLAIMS, **change}.items() if value is not None}
    with pytest.raises(Rejected) as caught:
        await Desk().ask(signed(claims))
    assert caught.value.reason == "ID_TOKEN"
    assert "nothing was changed" in caught.value.message
    assert CANARY not in told(caught.value)


@pytest.mark.parametrize(
    "token",
    [
        signed(CLAIMS, key="two"),
        signed(CLAIMS, alg="none"),
        signed(CLAIMS, alg="HS256"),
        SecretStr(signed(CLAIMS).get_secret_value()[:-8]),
        SecretStr(signed(CLAIMS).get_secret_value().rpartition(".")[0] + "."),
        SecretStr(signed({**CLAIMS, "sub": "1"}).get_secret_value().rpartition(".")[0] + "." + "A" * 342),
        SecretStr("a.b.c"), SecretStr("x"), SecretStr("é.é.é"), SecretStr("." * 5), SecretStr("{}"),
        signed([1]),  # type: ignore[arg-type]
        None,
    ],
)  # fmt: skip
async def test_what_no_key_of_theirs_signed_is_nobodys(token: SecretStr | None) -> None:
    with pytest.raises(Rejected, match="ID_TOKEN"):
        await Desk().ask(token)


async def test_a_person_who_left_without_a_nonce_does_not_come_back_with_a_token() -> None:
    with pytest.raises(Rejected, match="ID_TOKEN"):
        await Desk().ask(signed(CLAIMS), None)
    with pytest.raises(Rejected, match="ID_TOKEN"):
        await Desk().ask(signed({**CLAIMS, "nonce": ""}), SecretStr("not-empty"))


@pytest.mark.parametrize("apart", [600, -600])
async def test_a_clock_that_is_ten_minutes_off_keeps_nobody_out(apart: int) -> None:
    desk = Desk(now=NOW + apart)
    assert (await desk.ask(signed(CLAIMS))).subject == "108"
    assert (await desk.ask(signed({**CLAIMS, "exp": NOW + 1}))).subject == "108"


async def test_the_key_document_is_read_once_an_hour_and_when_a_new_key_signs() -> None:
    desk = Desk()
    for _ in range(3):
        await desk.ask(signed(CLAIMS))
    assert desk.google.reads == 1
    # The provider changes its key.
    desk.google.keys = {"keys": [jwk("a", "one"), jwk("b", "two")]}
    desk.clock.now += 31
    await desk.ask(signed(CLAIMS, kid="b", key="two"))
    assert desk.google.reads == 2
    desk.clock.now += 3601
    await desk.ask(signed(CLAIMS))
    assert desk.google.reads == 3


async def test_an_older_key_document_serves_while_the_provider_can_t_be_read() -> None:
    desk = Desk()
    await desk.ask(signed(CLAIMS))
    desk.google.keys = b"<html>"
    desk.clock.now += 3601
    assert (await desk.ask(signed(CLAIMS))).subject == "108"
    with pytest.raises(Rejected):
        await desk.ask(signed(CLAIMS, kid="b", key="two"))
    desk.clock.now += 86400
    with pytest.raises(Unavailable):
        await desk.ask(signed(CLAIMS))


async def test_key_ids_of_a_stranger_make_nobody_read_on_and_on() -> None:
    desk = Desk()
    await desk.ask(signed(CLAIMS))
    for number_ in range(20):
        with pytest.raises(Rejected):
            await desk.ask(signed(CLAIMS, kid=f"unknown-{number_}"))
    assert desk.google.reads == 1


@pytest.mark.parametrize(
    "document",
    [b"<html>", b"[]", b'{"keys": null}', b'{"keys": [1]}', b'{"keys": [{"kty": "RSA", "n": "!!"}]}', b"{}"],
)
async def test_an_unreadable_key_document_is_the_providers_trouble(document: bytes) -> None:
    with pytest.raises(Unavailable):
        await Desk(Google(document)).ask(signed(CLAIMS))


@pytest.mark.parametrize(
    "odd",
    [
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "z"},
        {"kty": "EC", "crv": "brainpoolP320r1", "x": "AA", "y": "AA", "kid": "z"},
        {"kty": "OKP", "crv": "X448", "x": "AA", "kid": "z"},
        {"kty": "RSA", "n": "AQ", "kid": "z"},
        {"kty": ["RSA"]},
        {},
        7,
    ],
    ids=str,
)
async def test_a_key_that_we_can_not_use_spoils_none_of_the_others(odd: object) -> None:
    """RFC 7517 §5: of a type, with a member or with a value that is not understood, a key is left out."""
    assert (await Desk(Google({"keys": [odd, jwk("a", "one"), odd]})).ask(signed(CLAIMS))).subject == "108"


async def test_a_provider_without_id_tokens_is_asked_by_its_api() -> None:
    async def spotify(request: httpx2.Request) -> httpx2.Response:
        assert request.headers["authorization"] == "Bearer access"
        return httpx2.Response(200, json={"account_id": "abc", "display_name": "Ana"})

    identities = Identities(Http(Transport(httpx2.MockTransport(spotify))))
    found = await identities.account(SPOTIFY, APP, TokenSet(SecretStr("access"), 3600), None)
    assert (found.issuer, found.subject, found.label) == (SPOTIFY.issuer, "abc", "Ana")


@pytest.mark.parametrize("subject", ["", "é", "a\nb", "\x00"])
async def test_whoever_is_not_named_is_nobody(subject: str) -> None:
    """All who share a subject are one person, so an empty one must never count."""

    async def spotify(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"account_id": subject, "display_name": "Ana"})

    identities = Identities(Http(Transport(httpx2.MockTransport(spotify))))
    with pytest.raises(Rejected) as caught:
        await identities.account(SPOTIFY, APP, TokenSet(SecretStr("access"), 3600), None)
    assert caught.value.reason == "NO_SUBJECT"
    assert "did not say which account" in caught.value.message
    if subject != "\x00":
        with pytest.raises(Rejected):
            await Desk().ask(signed({**CLAIMS, "sub": subject}))


async def test_an_empty_nonce_is_none() -> None:
    with pytest.raises(Rejected, match="ID_TOKEN"):
        await Desk().ask(signed({**CLAIMS, "nonce": ""}), SecretStr(""))


async def test_all_who_wait_for_a_key_document_share_one_reading_and_its_failure() -> None:
    began, gate = asyncio.Event(), asyncio.Event()
    reads = 0

    async def answer(request: httpx2.Request) -> httpx2.Response:
        nonlocal reads
        reads += 1
        began.set()
        await gate.wait()
        return httpx2.Response(500)

    identities = Identities(Http(Transport(httpx2.MockTransport(answer))), now=lambda: NOW)
    tokens = TokenSet(SecretStr("access"), 3600, id_token=signed(CLAIMS))
    waiting = [asyncio.create_task(identities.account(GOOGLE, APP, tokens, NONCE)) for _ in range(5)]
    await began.wait()
    gate.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable] * 5
    assert reads == 1


async def test_a_key_document_that_hangs_holds_nobody_else_up() -> None:
    other = replace(GOOGLE, openid=replace(GOOGLE.openid, keys_url="https://www.googleapis.com/other"))  # type: ignore[type-var]
    began, gate = asyncio.Event(), asyncio.Event()

    async def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/other":
            began.set()
            await gate.wait()
        return httpx2.Response(200, json={"keys": [jwk("a", "one")]})

    identities = Identities(Http(Transport(httpx2.MockTransport(answer))), now=lambda: NOW)
    tokens = TokenSet(SecretStr("access"), 3600, id_token=signed(CLAIMS))
    slow = asyncio.create_task(identities.account(other, APP, tokens, NONCE))
    await began.wait()
    assert (await identities.account(GOOGLE, APP, tokens, NONCE)).subject == "108"
    gate.set()
    assert (await slow).subject == "108"


def test_the_clock_is_the_wall_clock() -> None:
    assert abs(Identities(Http(Transport()))._now() - time.time()) < 5
