"""Google's identities at the emulator: signed by a published key, and bent on demand."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.support.emulator import EmulatorProcess

CLIENT = "emulator-google"
CERTS = "https://www.googleapis.com/oauth2/v3/certs"
USERINFO = "https://openidconnect.googleapis.com/v1/userinfo"


def sign_in(emulator: EmulatorProcess, *scopes: str, **how: Any) -> dict[str, Any]:
    return emulator.sign_in(*scopes, upstream="google", **how)


def part(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verified(emulator: EmulatorProcess, token: str) -> dict[str, Any]:
    """The claims of an id_token whose signature fits the published key of its id."""
    header, claims, signature = token.split(".")
    kid = json.loads(part(header))["kid"]
    keys = {key["kid"]: key for key in emulator.http.get(emulator.url(CERTS)).json()["keys"]}
    n, e = (int.from_bytes(part(keys[kid][name]), "big") for name in ("n", "e"))
    public = rsa.RSAPublicNumbers(e, n).public_key()
    public.verify(part(signature), f"{header}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    return dict(json.loads(part(claims)))


def test_an_identity_is_signed_and_says_what_was_allowed(emulator: EmulatorProcess) -> None:
    tokens = sign_in(emulator, "openid", "email", "profile", account="ana-work", nonce="n0nce")
    claims = verified(emulator, tokens["id_token"])
    now = int(emulator.read("clock")["now"])
    assert abs(claims.pop("iat") - now) < 60
    assert abs(claims.pop("exp") - now - 3600) < 60
    assert len(claims.pop("at_hash")) == 22
    assert claims == {
        "iss": "https://accounts.google.com",
        "azp": CLIENT,
        "aud": CLIENT,
        "sub": emulator.accounts("google")["ana-work"]["sub"],
        "hd": "duarte-atelier.example",
        "email": "ana@duarte-atelier.example",
        "email_verified": True,
        "name": "Ana Duarte",
        "given_name": "Ana",
        "family_name": "Duarte",
        "nonce": "n0nce",
    }
    assert len(claims["sub"]) == 21
    bare = verified(emulator, sign_in(emulator, "openid", account="ana")["id_token"])
    assert not bare.keys() & {"email", "name", "hd", "nonce"}
    cleo = verified(emulator, sign_in(emulator, "openid", "email", account="cleo")["id_token"])
    assert (cleo["email_verified"], "hd" in cleo) == (False, False)


def test_identities_can_be_bent(emulator: EmulatorProcess) -> None:
    emulator.settings(id_token={"aud": "somebody-else", "email_verified": None})
    claims = verified(emulator, sign_in(emulator, "openid", "email")["id_token"])
    assert (claims["aud"], "email_verified" in claims) == ("somebody-else", False)
    emulator.settings(id_token={}, id_token_forged=True)
    forged = sign_in(emulator, "openid")["id_token"]
    with pytest.raises(InvalidSignature):
        verified(emulator, forged)


def test_signing_keys_rotate(emulator: EmulatorProcess) -> None:
    before = sign_in(emulator, "openid")["id_token"]
    kid = emulator.control("google/keys/rotate")["kid"]
    after = sign_in(emulator, "openid")["id_token"]
    assert json.loads(part(after.split(".")[0]))["kid"] == kid
    assert verified(emulator, before)["sub"] == verified(emulator, after)["sub"]


def test_a_reset_takes_keys_back_that_were_made_since(emulator: EmulatorProcess) -> None:
    emulator.reset()
    first = emulator.http.get(emulator.url(CERTS)).json()
    before = sign_in(emulator, "openid")["id_token"]
    emulator.control("google/keys/rotate")
    assert emulator.http.get(emulator.url(CERTS)).json() != first
    emulator.reset()
    assert emulator.http.get(emulator.url(CERTS)).json() == first
    assert verified(emulator, before)


def test_discovery_and_userinfo(emulator: EmulatorProcess) -> None:
    found = emulator.http.get(
        emulator.url("https://accounts.google.com/.well-known/openid-configuration")
    ).json()
    assert found["authorization_endpoint"] == "https://accounts.google.com/o/oauth2/v2/auth"
    assert found["token_endpoint"] == "https://oauth2.googleapis.com/token"
    assert (found["jwks_uri"], found["userinfo_endpoint"]) == (CERTS, USERINFO)
    token = sign_in(emulator, "openid", "email")["access_token"]
    url = emulator.url(USERINFO)
    info = emulator.http.get(url, headers={"authorization": f"Bearer {token}"}).json()
    assert (info["email"], info["email_verified"]) == ("ana.duarte@gmail.com", True)
    refused = emulator.http.get(url)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_request")
