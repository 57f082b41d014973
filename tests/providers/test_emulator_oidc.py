"""The emulator's OpenID provider: strict about what it is asked, and what it says of itself is so."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.support.emulator import REDIRECT, EmulatorProcess

ISSUER = "https://id.emulator.example"
ASKED = {
    "client_id": "emulator-oidc",
    "response_type": "code",
    "redirect_uri": REDIRECT,
    "scope": "openid email",
    "state": "s",
    "nonce": "n0nce",
    "code_challenge_method": "S256",
    "code_challenge": "c" * 43,
}


def description(emulator: EmulatorProcess) -> dict[str, Any]:
    answer = emulator.http.get(emulator.url(f"{ISSUER}/.well-known/openid-configuration"))
    return dict(answer.json())


def authorize(emulator: EmulatorProcess, **changes: str | None) -> str:
    asked = {name: value for name, value in {**ASKED, **changes}.items() if value is not None}
    return f"{emulator.url(description(emulator)['authorization_endpoint'])}?{urlencode(asked)}"


def test_what_it_signs_is_verified_by_the_key_that_it_names(emulator: EmulatorProcess) -> None:
    verifier = "v" * 43
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    url = authorize(emulator, code_challenge=digest.decode().rstrip("="), max_age="0", prompt="login")
    answer = parse_qs(urlsplit(emulator.agree(url)).query)
    assert (answer["iss"], answer["state"]) == ([ISSUER], ["s"])
    told = description(emulator)
    form = {"grant_type": "authorization_code", "code": answer["code"][0], "redirect_uri": REDIRECT}
    tokens = emulator.http.post(
        emulator.url(told["token_endpoint"]),
        data={**form, "code_verifier": verifier},
        auth=("emulator-oidc", "emulator-secret"),
    ).json()
    assert "refresh_token" not in tokens
    keys = KeySet.import_key_set(emulator.http.get(emulator.url(told["jwks_uri"])).json())
    algorithms = told["id_token_signing_alg_values_supported"]
    claims = jwt.decode(tokens["id_token"], keys, algorithms=algorithms).claims
    assert claims["iss"] == told["issuer"] == ISSUER
    assert (claims["aud"], claims["nonce"]) == ("emulator-oidc", "n0nce")
    assert (claims["email"], claims["email_verified"]) == ("ana@house.example", True)
    assert claims["auth_time"] == claims["iat"]
    assert "name" not in claims
    header = json.loads(base64.urlsafe_b64decode(tokens["id_token"].partition(".")[0] + "=="))
    assert header["alg"] == "ES256"


@pytest.mark.parametrize(
    "changes",
    [
        {"scope": "email"},
        {"scope": "openid calendar"},
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"prompt": "none"},
        {"prompt": "shout"},
        {"max_age": "soon"},
        {"client_id": "nobody"},
        {"response_type": "token"},
    ],
)
def test_it_refuses_what_a_careful_provider_refuses(
    emulator: EmulatorProcess, changes: dict[str, str | None]
) -> None:
    assert emulator.http.get(authorize(emulator, **changes)).status_code == 400


def test_a_refusal_names_its_issuer_too(emulator: EmulatorProcess) -> None:
    answer = emulator.http.post(authorize(emulator), data={"decision": "cancel"})
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query == {"error": ["access_denied"], "iss": [ISSUER], "state": ["s"]}
