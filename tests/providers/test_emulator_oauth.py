"""accounts.spotify.com of the emulator: consent, codes, PKCE, refresh, and everything it refuses."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.support.emulator import CLIENT, REDIRECT, SECRET, EmulatorProcess

VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
PUBLIC = "emulator-own"

ASKED = {
    "client_id": CLIENT,
    "response_type": "code",
    "redirect_uri": REDIRECT,
    "scope": "user-read-playback-state user-modify-playback-state",
    "state": "st&te",
    "code_challenge_method": "S256",
    "code_challenge": CHALLENGE,
}


def authorize(emulator: EmulatorProcess, **changes: str | None) -> str:
    asked = {name: value for name, value in {**ASKED, **changes}.items() if value is not None}
    return emulator.url("https://accounts.spotify.com/authorize?") + urlencode(asked)


def code(emulator: EmulatorProcess, account: str = "ana", **changes: str | None) -> str:
    callback = emulator.agree(authorize(emulator, **changes), account)
    return parse_qs(urlsplit(callback).query)["code"][0]


def form(emulator: EmulatorProcess, **changes: str | None) -> dict[str, str]:
    """A token request for a fresh code, with changes; None leaves a field out."""
    whole: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
    }
    if "code" not in changes:
        whole["code"] = code(emulator)
    return {name: value for name, value in {**whole, **changes}.items() if value is not None}


def refresh(emulator: EmulatorProcess, token: str, **how: Any) -> tuple[int, dict[str, Any]]:
    answer = emulator.token({"grant_type": "refresh_token", "refresh_token": token}, **how)
    return answer.status_code, answer.json()


def refused(emulator: EmulatorProcess, fields: dict[str, str], **how: Any) -> tuple[int, str, str]:
    answer = emulator.token(fields, **how)
    body = answer.json()
    assert body.keys() == {"error", "error_description"}
    return answer.status_code, body["error"], body["error_description"]


class Page(HTMLParser):
    """What a person could do on a page: its fields by name and type."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self.form: dict[str, str | None] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "form":
            self.form = values
        if tag in {"input", "button"}:
            self.fields.append((values.get("name") or "", values.get("value") or ""))


# Consent


def test_the_page_names_itself_the_app_and_the_scopes(emulator: EmulatorProcess) -> None:
    answer = emulator.http.get(authorize(emulator))
    page = Page(answer.text)
    assert "Spotify emulator" in answer.text
    assert CLIENT in answer.text
    assert "user-modify-playback-state" in answer.text
    assert page.form == {"method": "post"}
    assert [value for name, value in page.fields if name == "account"] == [
        "ana",
        "ben",
        "cleo",
        "dana",
        "emil",
    ]
    assert [value for name, value in page.fields if name == "decision"] == ["agree", "cancel"]
    assert "form-action" not in answer.headers["content-security-policy"]
    assert (answer.headers["cache-control"], "set-cookie" in answer.headers) == ("no-store", False)


def test_what_stands_in_the_request_is_no_markup(emulator: EmulatorProcess) -> None:
    answer = emulator.http.get(authorize(emulator, client_id="emulator-<script>alert(1)</script>"))
    assert "<script" not in answer.text


def test_agree_and_cancel(emulator: EmulatorProcess) -> None:
    agreed = urlsplit(emulator.agree(authorize(emulator)))
    assert agreed._replace(query="").geturl() == REDIRECT
    query = parse_qs(agreed.query)
    assert query.keys() == {"code", "state"}
    assert query["state"] == ["st&te"]
    assert query["code"][0].startswith("AQemu-code-")
    cancelled = urlsplit(emulator.agree(authorize(emulator), decision="cancel"))
    assert parse_qs(cancelled.query) == {"error": ["access_denied"], "state": ["st&te"]}
    assert "state" not in parse_qs(urlsplit(emulator.agree(authorize(emulator, state=None))).query)


def test_an_answer_without_an_account_asks_again(emulator: EmulatorProcess) -> None:
    answer = emulator.http.post(authorize(emulator), data={"decision": "agree"})
    assert (answer.status_code, "Choose an account." in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"client_id": None}, "Missing required parameter: client_id"),
        ({"client_id": "0123456789abcdef"}, "INVALID_CLIENT: Invalid client"),
        ({"redirect_uri": None}, "Missing required parameter: redirect_uri"),
        ({"redirect_uri": "http://localhost:8420/callback"}, "INVALID_CLIENT: Insecure redirect URI"),
        ({"redirect_uri": "https://localhost/callback"}, "INVALID_CLIENT: Insecure redirect URI"),
        ({"redirect_uri": "http://valet.example/callback"}, "INVALID_CLIENT: Insecure redirect URI"),
        ({"redirect_uri": "valet://callback"}, "INVALID_CLIENT: Invalid redirect URI"),
        ({"redirect_uri": "https://valet.example/callback#here"}, "INVALID_CLIENT: Invalid redirect URI"),
        ({"redirect_uri": "https://[bad/callback"}, "INVALID_CLIENT: Invalid redirect URI"),
        ({"response_type": "token"}, "response_type must be code"),
        ({"scope": "user-read-playback-state user-read-birthdate"}, "Illegal scope"),
        ({"code_challenge_method": "plain"}, "code_challenge_method must be S256"),
        ({"code_challenge_method": None}, "code_challenge_method must be S256"),
        ({"code_challenge": "short"}, "Invalid code_challenge"),
        ({"client_id": PUBLIC, "code_challenge": None, "code_challenge_method": None},
         "Missing required parameter: code_challenge"),
    ],
)  # fmt: skip
def test_a_wrong_request_gets_a_plain_page(
    emulator: EmulatorProcess, changes: dict[str, str | None], message: str
) -> None:
    for method in ("GET", "POST"):
        answer = emulator.http.request(method, authorize(emulator, **changes))
        assert (answer.status_code, message in answer.text) == (400, True), answer.text[-200:]
        assert "location" not in answer.headers
    assert emulator.tokens()["codes"] == []


def test_a_parameter_given_twice_is_refused(emulator: EmulatorProcess) -> None:
    assert emulator.http.get(authorize(emulator) + "&state=b").status_code == 400


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:1/a", "http://[::1]:2/b?c=d", "https://valet.example/callback"]
)
def test_redirects_are_registered_on_first_use(emulator: EmulatorProcess, uri: str) -> None:
    callback = emulator.agree(authorize(emulator, redirect_uri=uri))
    assert callback.startswith(uri + ("&" if "?" in uri else "?"))


def test_with_a_list_redirects_match_exactly(emulator: EmulatorProcess) -> None:
    emulator.client(redirects=["https://valet.example/callback", "http://127.0.0.1/callback"])
    for uri, status in [
        ("https://valet.example/callback", 200),
        ("http://127.0.0.1:4711/callback", 200),
        ("https://valet.example/callback/", 400),
        ("https://valet.example/Callback", 400),
        ("https://valet.example:444/callback", 400),
        ("http://127.0.0.1:4711/other", 400),
        (REDIRECT, 400),
    ]:
        assert emulator.http.get(authorize(emulator, redirect_uri=uri)).status_code == status, uri
    emulator.client(redirects=None)
    assert emulator.http.get(authorize(emulator)).status_code == 200


# Codes


def test_a_code_becomes_tokens(emulator: EmulatorProcess) -> None:
    answer = emulator.token(form(emulator))
    tokens = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert tokens.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 3600, ASKED["scope"])
    assert tokens["access_token"].startswith("BQemu-canary-")
    assert tokens["refresh_token"].startswith("AQemu-canary-")
    assert {tokens["access_token"], tokens["refresh_token"]} < emulator.canaries()


def test_a_code_is_spent_once(emulator: EmulatorProcess) -> None:
    fields = form(emulator)
    assert emulator.token(fields).status_code == 200
    assert refused(emulator, fields) == (400, "invalid_grant", "Invalid authorization code")


def test_a_code_lives_ten_minutes(emulator: EmulatorProcess) -> None:
    fields = form(emulator)
    emulator.advance(600)
    assert refused(emulator, fields) == (400, "invalid_grant", "Authorization code expired")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "w" * 64}, ("invalid_grant", "code_verifier was incorrect")),
        ({"code_verifier": None}, ("invalid_grant", "code_verifier was incorrect")),
        ({"redirect_uri": REDIRECT + "/"}, ("invalid_grant", "Invalid redirect URI")),
        ({"redirect_uri": None}, ("invalid_request", "redirect_uri must be supplied")),
        ({"code": None}, ("invalid_request", "code must be supplied")),
        ({"code": "AQemu-code-guess"}, ("invalid_grant", "Invalid authorization code")),
        ({"grant_type": None}, ("unsupported_grant_type", "grant_type parameter is missing")),
        ({"grant_type": "password"},
         ("unsupported_grant_type", "grant_type must be authorization_code or refresh_token")),
    ],
)  # fmt: skip
def test_a_wrong_exchange(
    emulator: EmulatorProcess, changes: dict[str, str | None], error: tuple[str, str]
) -> None:
    assert refused(emulator, form(emulator, **changes)) == (400, *error)


def test_a_wrong_verifier_burns_the_code(emulator: EmulatorProcess) -> None:
    fields = form(emulator)
    refused(emulator, {**fields, "code_verifier": "w" * 64})
    assert refused(emulator, fields)[2] == "Invalid authorization code"


def test_a_verifier_without_a_challenge_is_refused(emulator: EmulatorProcess) -> None:
    bare = code(emulator, code_challenge=None, code_challenge_method=None)
    assert refused(emulator, form(emulator, code=bare))[2] == "code_verifier was incorrect"
    bare = code(emulator, code_challenge=None, code_challenge_method=None)
    assert emulator.token(form(emulator, code=bare, code_verifier=None)).status_code == 200


# Apps


@pytest.mark.parametrize("secret", ["wrong", "", None])
def test_an_app_with_a_secret_must_show_it(emulator: EmulatorProcess, secret: str | None) -> None:
    error = refused(emulator, form(emulator), secret=secret)
    assert error == (400, "invalid_client", "Invalid client secret")


def test_a_secret_can_be_changed_and_an_app_refused(emulator: EmulatorProcess) -> None:
    emulator.client(secret="another")
    assert refused(emulator, form(emulator))[1] == "invalid_client"
    assert emulator.token(form(emulator), secret="another").status_code == 200
    emulator.client(refused=True)
    assert refused(emulator, form(emulator), secret="another")[1] == "invalid_client"


def test_a_public_app_needs_no_secret_and_may_show_none(emulator: EmulatorProcess) -> None:
    tokens = emulator.sign_in("streaming", client=PUBLIC, secret=None)
    assert refresh(emulator, tokens["refresh_token"], client=PUBLIC, secret=None)[0] == 200
    assert (
        refresh(emulator, tokens["refresh_token"], client=PUBLIC, secret="guess")[1]["error"]
        == "invalid_client"
    )


def test_an_app_of_another_name_is_one_once_it_was_made(emulator: EmulatorProcess) -> None:
    """As a server with ids of its own needs it, which may not begin as the demo's do."""
    url = authorize(emulator, client_id="house-app")
    assert emulator.http.get(url).status_code == 400
    with pytest.raises(AssertionError):
        emulator.client("house-app", secret="s3cret-of-the-house")
    emulator.client("house-app", new=True, secret="s3cret-of-the-house")
    assert emulator.sign_in(client="house-app", secret="s3cret-of-the-house")["access_token"]
    emulator.reset()
    assert emulator.http.get(url).status_code == 400


def test_codes_and_tokens_belong_to_their_app(emulator: EmulatorProcess) -> None:
    stolen = refused(emulator, form(emulator), client=PUBLIC, secret=None)
    assert stolen == (400, "invalid_grant", "Invalid authorization code")
    tokens = emulator.sign_in()
    status, body = refresh(emulator, tokens["refresh_token"], client=PUBLIC, secret=None)
    assert (status, body["error_description"]) == (400, "Invalid refresh token")


def test_the_token_endpoint_takes_forms_only(emulator: EmulatorProcess) -> None:
    url = emulator.url("https://accounts.spotify.com/api/token")
    assert emulator.http.post(url, json=form(emulator), auth=(CLIENT, SECRET)).status_code == 415
    assert emulator.http.get(url).status_code == 405
    twice = urlencode({"grant_type": "refresh_token", "refresh_token": "a"}) + "&refresh_token=b"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = emulator.http.post(url, content=twice, headers=headers, auth=(CLIENT, SECRET))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    for header in ("Basic !!!", "Basic", "Bearer x", "Basic ZW11bGF0b3I="):
        answer = emulator.http.post(
            url, data={"grant_type": "refresh_token"}, headers={"authorization": header}
        )
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client"), header
    mixed = emulator.http.post(url, data={"client_id": PUBLIC}, auth=(CLIENT, SECRET))
    assert mixed.json()["error"] == "invalid_request"
    assert refused(emulator, {"code": "x"}, client="valet")[1:] == ("invalid_client", "Invalid client")


# What was granted


def test_a_person_removes_an_app(emulator: EmulatorProcess) -> None:
    tokens = emulator.sign_in()
    page = emulator.http.get("/www.spotify.com/account/apps/")
    fields = dict(Page(page.text).fields)
    assert fields == {"account": "ana", "client_id": CLIENT, "": ""}
    assert emulator.http.post("/www.spotify.com/account/apps/", data=fields).status_code == 303
    assert refresh(emulator, tokens["refresh_token"])[0] == 400
    assert "No app is connected." in emulator.http.get("/www.spotify.com/account/apps/").text


def test_scopes_can_be_withheld(emulator: EmulatorProcess) -> None:
    emulator.settings(withheld_scopes=["user-modify-playback-state"])
    assert emulator.token(form(emulator)).json()["scope"] == "user-read-playback-state"


def test_no_scope_means_public_data(emulator: EmulatorProcess) -> None:
    assert emulator.sign_in()["scope"] == ""
