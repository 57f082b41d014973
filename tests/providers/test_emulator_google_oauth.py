"""Google's accounts at the emulator: consent with tick boxes, tokens, identities, and what is refused."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest

from tests.providers.google import PREFIX, CalendarWire
from tests.support.emulator import REDIRECT, SECRET, EmulatorProcess

CLIENT = "emulator-google"
EVENTS, LISTS, EMAIL = (
    f"{PREFIX}calendar.events",
    f"{PREFIX}calendar.calendarlist.readonly",
    f"{PREFIX}userinfo.email",
)
AUTHORIZE = "https://accounts.google.com/o/oauth2/v2/auth"
REVOKE = "https://oauth2.googleapis.com/revoke"
OFFLINE = {"access_type": "offline"}
ASKED = {
    "client_id": CLIENT,
    "redirect_uri": REDIRECT,
    "response_type": "code",
    "scope": f"openid email {EVENTS} {LISTS}",
    "state": "st&te",
}
DEAD = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}


def authorize(emulator: EmulatorProcess, **changes: str | None) -> str:
    asked = {name: value for name, value in {**ASKED, **changes}.items() if value is not None}
    return f"{emulator.url(AUTHORIZE)}?{urlencode(asked)}"


def callback(
    emulator: EmulatorProcess, account: str = "ana", untick: Any = (), **changes: str | None
) -> dict[str, str]:
    url = emulator.agree(authorize(emulator, **changes), account, untick=untick)
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def exchange(emulator: EmulatorProcess, code: str, **changes: str) -> httpx2.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, **changes}
    return emulator.token(form, upstream="google")


def sign_in(emulator: EmulatorProcess, *scopes: str, **how: Any) -> dict[str, Any]:
    return emulator.sign_in(*scopes, upstream="google", **how)


def refresh(emulator: EmulatorProcess, token: str) -> tuple[int, dict[str, Any]]:
    answer = emulator.token({"grant_type": "refresh_token", "refresh_token": token}, upstream="google")
    return answer.status_code, answer.json()


def revoke(emulator: EmulatorProcess, token: str) -> httpx2.Response:
    return emulator.http.post(emulator.url(REVOKE), data={"token": token})


# Consent


def test_the_page_has_accounts_and_a_box_per_scope(emulator: EmulatorProcess) -> None:
    page = emulator.http.get(authorize(emulator)).text
    assert "Google emulator" in page
    for key in ("ana", "ana-work", "ben", "cleo", "emil"):
        assert f'name="account" value="{key}"' in page
    assert 'name="scope.calendar.events" value="on" checked' in page
    assert 'name="scope.calendar.calendarlist.readonly" value="on" checked' in page
    assert "scope.userinfo" not in page
    assert ">Continue</button>" in page
    assert ">Cancel</button>" in page
    assert 'type="checkbox"' not in emulator.http.get(authorize(emulator, scope=f"openid {EVENTS}")).text


@pytest.mark.parametrize("hint", ["emil@duarte-atelier.example", "sub"])
def test_a_login_hint_preselects(emulator: EmulatorProcess, hint: str) -> None:
    hint = emulator.accounts("google")["emil"]["sub"] if hint == "sub" else hint
    page = emulator.http.get(authorize(emulator, login_hint=hint)).text
    assert 'value="emil" checked' in page
    assert 'value="ana" checked' not in page


def test_agree_and_cancel(emulator: EmulatorProcess) -> None:
    agreed = callback(emulator)
    assert agreed.keys() == {"code", "scope", "state"}
    assert (agreed["scope"], agreed["state"]) == (f"openid {EMAIL} {EVENTS} {LISTS}", "st&te")
    assert agreed["code"].startswith("4/emu-code-")
    cancelled = emulator.agree(authorize(emulator), decision="cancel")
    assert parse_qs(urlsplit(cancelled).query) == {"error": ["access_denied"], "state": ["st&te"]}


def test_what_is_unticked_is_not_granted(emulator: EmulatorProcess) -> None:
    some = callback(emulator, untick=["scope.calendar.events"])
    assert some["scope"] == f"openid {EMAIL} {LISTS}"
    assert exchange(emulator, some["code"]).json()["scope"] == some["scope"]
    boxes = ["scope.calendar.events", "scope.calendar.calendarlist.readonly"]
    none = callback(emulator, scope=f"{EVENTS} {LISTS}", untick=boxes)
    assert none["error"] == "access_denied"


@pytest.mark.parametrize(
    ("changes", "error", "status"),
    [
        ({"client_id": None}, "invalid_request", 400),
        ({"client_id": "0123.apps.googleusercontent.com"}, "invalid_client", 401),
        ({"redirect_uri": None}, "invalid_request", 400),
        ({"redirect_uri": "http://valet.example/callback"}, "redirect_uri_mismatch", 400),
        ({"redirect_uri": "http://[::1]:8420/callback"}, "redirect_uri_mismatch", 400),
        ({"redirect_uri": "https://valet.example/callback#a"}, "redirect_uri_mismatch", 400),
        ({"response_type": None}, "invalid_request", 400),
        ({"response_type": "token"}, "unsupported_response_type", 400),
        ({"scope": None}, "invalid_request", 400),
        ({"scope": f"{PREFIX}calendar.event"}, "invalid_scope", 400),
        ({"prompt": "login"}, "invalid_request", 400),
        ({"prompt": "none consent"}, "invalid_request", 400),
        ({"access_type": "forever"}, "invalid_request", 400),
        ({"include_granted_scopes": "yes"}, "invalid_request", 400),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request", 400),
    ],
)  # fmt: skip
def test_a_wrong_request_gets_an_error_page(
    emulator: EmulatorProcess, changes: dict[str, str | None], error: str, status: int
) -> None:
    for method in ("GET", "POST"):
        answer = emulator.http.request(method, authorize(emulator, **changes))
        assert (answer.status_code, f"Error {status}: {error}" in answer.text) == (status, True), answer.text[
            -300:
        ]
    assert emulator.tokens("google")["codes"] == []


def test_redirects_are_exact_and_localhost_is_welcome(emulator: EmulatorProcess) -> None:
    assert callback(emulator, redirect_uri="http://localhost:8420/callback")["code"]
    emulator.client(upstream="google", redirects=["http://127.0.0.1/callback"])
    for uri, status in [("http://127.0.0.1/callback", 200), ("http://127.0.0.1:8420/callback", 400)]:
        assert emulator.http.get(authorize(emulator, redirect_uri=uri)).status_code == status


def test_prompt_none_asks_nobody(emulator: EmulatorProcess) -> None:
    answer = emulator.http.get(authorize(emulator, prompt="none"))
    assert parse_qs(urlsplit(answer.headers["location"]).query)["error"] == ["interaction_required"]


# Tokens


def test_a_code_becomes_tokens(emulator: EmulatorProcess) -> None:
    tokens = exchange(emulator, callback(emulator, access_type="offline")["code"]).json()
    assert tokens.keys() == {"access_token", "expires_in", "scope", "token_type", "refresh_token", "id_token"}
    assert (tokens["expires_in"], tokens["token_type"]) == (3599, "Bearer")
    assert tokens["access_token"].startswith("ya29.emu-canary-")
    assert tokens["refresh_token"].startswith("1//emu-canary-")
    assert {tokens["access_token"], tokens["refresh_token"]} < emulator.canaries()
    status, fresh = refresh(emulator, tokens["refresh_token"])
    assert (status, fresh.keys()) == (200, {"access_token", "expires_in", "scope", "token_type", "id_token"})
    assert emulator.refreshes() == 1


def test_a_refresh_token_comes_once_or_with_a_new_consent(emulator: EmulatorProcess) -> None:
    assert "refresh_token" not in sign_in(emulator, EVENTS)
    first = sign_in(emulator, EVENTS, **OFFLINE)
    assert "refresh_token" not in sign_in(emulator, EVENTS, **OFFLINE)
    assert "refresh_token" in sign_in(emulator, EVENTS, account="ben", **OFFLINE)
    assert "refresh_token" in sign_in(emulator, EVENTS, prompt="select_account consent", **OFFLINE)
    assert revoke(emulator, first["refresh_token"]).status_code == 200
    assert "refresh_token" in sign_in(emulator, EVENTS, **OFFLINE)


def test_scopes_add_up_only_when_asked_to(emulator: EmulatorProcess) -> None:
    sign_in(emulator, "openid", EVENTS, **OFFLINE)
    assert sign_in(emulator, LISTS)["scope"] == LISTS
    together = sign_in(emulator, LISTS, include_granted_scopes="true")
    assert set(together["scope"].split()) == {"openid", EVENTS, LISTS}
    assert sign_in(emulator, LISTS, account="ben", include_granted_scopes="true")["scope"] == LISTS
    emulator.revoke("ana", upstream="google")
    assert sign_in(emulator, LISTS, include_granted_scopes="true")["scope"] == LISTS


def test_rotation_and_withheld_scopes_apply_here_too(emulator: EmulatorProcess) -> None:
    emulator.settings(rotate=True, withheld_scopes=[EVENTS])
    tokens = sign_in(emulator, EVENTS, LISTS, **OFFLINE)
    assert tokens["scope"] == LISTS
    fresh = refresh(emulator, tokens["refresh_token"])[1]
    assert fresh["refresh_token"] != tokens["refresh_token"]
    assert refresh(emulator, tokens["refresh_token"]) == (400, DEAD)


@pytest.mark.parametrize(
    ("changes", "error", "description"),
    [
        ({"code": "4/emu-code-guess"}, "invalid_grant", "Bad Request"),
        ({"redirect_uri": REDIRECT + "/"}, "redirect_uri_mismatch", "Bad Request"),
        ({"code_verifier": "w" * 64}, "invalid_grant", "Invalid code verifier."),
        ({"grant_type": "password"}, "unsupported_grant_type", "Invalid grant_type: password"),
        ({"code": ""}, "invalid_request", "Missing required parameter: code"),
    ],
)
def test_a_wrong_exchange(
    emulator: EmulatorProcess, changes: dict[str, str], error: str, description: str
) -> None:
    code = callback(emulator)["code"]
    answer = exchange(emulator, **{"code": code, **changes})
    assert (answer.status_code, answer.json()) == (400, {"error": error, "error_description": description})


def test_the_app_shows_its_secret_by_basic_or_in_the_body(emulator: EmulatorProcess) -> None:
    url = emulator.url("https://oauth2.googleapis.com/token")
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "client_id": CLIENT}
    right = {**form, "client_secret": SECRET, "code": callback(emulator)["code"]}
    assert emulator.http.post(url, data=right).status_code == 200
    for wrong in ({**form, "client_secret": "guess"}, form, {**form, "client_id": "valet"}):
        answer = emulator.http.post(url, data=wrong)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_dead_refresh_tokens(emulator: EmulatorProcess) -> None:
    assert refresh(emulator, "1//emu-canary-guess")[1]["error_description"] == "Bad Request"
    token = sign_in(emulator, EVENTS, **OFFLINE)["refresh_token"]
    emulator.advance(400 * 86400)
    assert refresh(emulator, token)[0] == 200
    assert emulator.expire("refresh", account="ana", upstream="spotify") == 0
    assert emulator.expire("refresh", account="ana", upstream="google") == 1
    assert refresh(emulator, token) == (400, DEAD)


def test_in_testing_refresh_tokens_live_seven_days(emulator: EmulatorProcess) -> None:
    emulator.settings(testing=True)
    tokens = sign_in(emulator, EVENTS, **OFFLINE)
    assert tokens["refresh_token_expires_in"] == 604799
    signed_in = sign_in(emulator, "openid", account="ben", **OFFLINE)
    assert "refresh_token_expires_in" not in signed_in
    emulator.advance(7 * 86400)
    assert refresh(emulator, tokens["refresh_token"]) == (400, DEAD)
    assert refresh(emulator, signed_in["refresh_token"])[0] == 200


# Revocation


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_revoking_ends_everything_of_that_account_and_app(emulator: EmulatorProcess, kind: str) -> None:
    tokens = sign_in(emulator, EVENTS, **OFFLINE)
    calendar = CalendarWire(emulator)
    other = CalendarWire(emulator, "ben")
    answer = revoke(emulator, tokens[kind])
    assert (answer.status_code, answer.json()) == (200, {})
    assert refresh(emulator, tokens["refresh_token"]) == (400, DEAD)
    assert calendar("GET", "/users/me/calendarList").status_code == 401
    assert other("GET", "/users/me/calendarList").status_code == 200
    again = revoke(emulator, tokens[kind])
    gone = {"error": "invalid_token", "error_description": "Token expired or revoked"}
    assert (again.status_code, again.json()) == (400, gone)
    assert emulator.counters()["calls"]["POST oauth2.googleapis.com/revoke"] == 2


def test_a_person_removes_an_app(emulator: EmulatorProcess) -> None:
    token = sign_in(emulator, EVENTS, account="ana-work", **OFFLINE)["refresh_token"]
    url = emulator.url("https://myaccount.google.com/connections")
    page = emulator.http.get(url).text
    assert CLIENT in page
    assert "ana@duarte-atelier.example" in page
    answer = emulator.http.post(url, data={"account": "ana-work", "client_id": CLIENT})
    assert answer.status_code == 303
    assert refresh(emulator, token) == (400, DEAD)


# What is written down, and what breaks


def test_the_journal_holds_no_secret(emulator: EmulatorProcess) -> None:
    tokens = sign_in(emulator, EVENTS, **OFFLINE)
    CalendarWire(emulator)("GET", "/users/me/calendarList")
    refresh(emulator, tokens["refresh_token"])
    revoke(emulator, tokens["refresh_token"])
    written = json.dumps(emulator.requests())
    assert "refresh_token" in written
    assert not [canary for canary in emulator.canaries() if canary in written]
    assert SECRET not in written


def test_faults_have_the_bodies_of_their_host(emulator: EmulatorProcess) -> None:
    calendar = CalendarWire(emulator)
    emulator.fault("POST oauth2.googleapis.com/*", kind="status", status=503, times=2)
    assert refresh(emulator, "x") == (
        503,
        {"error": "server_error", "error_description": "Unexpected status: 503"},
    )
    assert revoke(emulator, "x").json()["error"] == "server_error"
    for status, reason, domain in [
        (403, "userRateLimitExceeded", "usageLimits"),
        (429, "rateLimitExceeded", "usageLimits"),
        (503, None, "global"),
    ]:
        emulator.fault("GET www.googleapis.com/calendar/*", kind="status", status=status, reason=reason)
        answer = calendar("GET", "/users/me/calendarList")
        error = answer.json()["error"]["errors"][0]
        assert (answer.status_code, error["domain"]) == (status, domain)
        assert error["reason"] == (reason or "backendError")


def test_control_names_the_upstream(emulator: EmulatorProcess) -> None:
    sign_in(emulator, EVENTS)
    emulator.sign_in()
    assert {row["upstream"] for row in emulator.read("clients")} == {"spotify", "google", "oidc"}
    assert [row["account"] for row in emulator.read("accounts")] == ["ana", "ben", "cleo", "dana", "emil"]
    both, one = emulator.tokens(), emulator.tokens("google")
    assert (len(both["access"]), len(one["access"])) == (2, 1)
    answer = emulator.http.post("/_control/revoke", json={"upstream": "tidal"})
    assert answer.json() == {"error": "upstream must be one of spotify, google, oidc."}
    assert emulator.revoke("ana", upstream="google") == 1
    assert emulator.revoke("ana") == 2
