"""Spotify's API at the emulator, with the published contract judging both directions of every call.

Without the contract's file the calls go on unjudged (tests/providers/spec.py).
"""

from __future__ import annotations

from typing import Any

import httpx2

from tests.providers import spec
from tests.support.emulator import EmulatorProcess

SCOPES = (
    "user-read-playback-state",
    "user-modify-playback-state",
    "user-read-currently-playing",
    "user-read-playback-position",
    "playlist-read-private",
    "playlist-read-collaborative",
    "playlist-modify-public",
    "playlist-modify-private",
    "ugc-image-upload",
    "user-library-read",
    "user-library-modify",
    "user-follow-read",
    "user-follow-modify",
    "user-top-read",
    "user-read-recently-played",
)


class Wire:
    """Calls the emulator as Spotify's API, and lets the contract judge both directions."""

    def __init__(self, emulator: EmulatorProcess, contract: spec.Contract | None, account: str) -> None:
        self.emulator = emulator
        self.contract = contract
        self.token = emulator.access_token(*SCOPES, account=account)

    def __call__(
        self, method: str, path: str, body: Any = None, token: str | None = "", judged: bool = True
    ) -> httpx2.Response:
        """`judged` False where the request is wrong on purpose: only the answer is validated then.

        A `body` of bytes goes as a picture, any other as JSON.
        """
        token = self.token if token == "" else token
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        url = self.emulator.url(f"https://api.spotify.com/v1{path}")
        if isinstance(body, bytes):
            headers["content-type"] = "image/jpeg"
            answer = self.emulator.http.request(method, url, content=body, headers=headers)
        else:
            answer = self.emulator.http.request(method, url, json=body, headers=headers)
        if self.contract is None:
            return answer
        asked = answer.request
        if judged:
            real = str(asked.url).replace(f"{self.emulator.origin}/", "https://")
            self.contract.assert_request_valid(method, real, asked.headers, asked.content)
        place = asked.url.path.removeprefix("/api.spotify.com")
        judge = spec.of_answers(asked.url.params) or self.contract
        judge.assert_answer_valid(method, place, answer.status_code, answer.headers, answer.content)
        return answer

    def json(self, path: str) -> Any:
        answer = self("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def first(self, q: str, kind: str = "track") -> Any:
        return self.json(f"/search?q={q}&type={kind}")[f"{kind}s"]["items"][0]

    def refused(self, method: str, path: str, body: Any = None, **how: Any) -> tuple[int, str, str | None]:
        answer = self(method, path, body, judged=False, **how)
        error = answer.json()["error"]
        assert error["status"] == answer.status_code
        return answer.status_code, error["message"], error.get("reason")
