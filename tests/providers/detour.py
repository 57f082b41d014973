"""The road of a `requests` client to the emulator: addresses of Spotify lead there, all others nowhere."""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter

from tests.providers import spec
from tests.support.emulator import EmulatorProcess

HOSTS = ("https://api.spotify.com/", "https://accounts.spotify.com/")


class Detour(HTTPAdapter):
    """Each answer of the API is judged by Spotify's file on its way back."""

    def __init__(self, emulator: EmulatorProcess) -> None:
        super().__init__(max_retries=0)
        self._emulator = emulator

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Send it to the emulator, whether it was addressed to it or to Spotify."""
        if request.url.startswith(HOSTS):
            request.url = self._emulator.url(request.url)
        assert request.url.startswith(self._emulator.origin), f"not for the emulator: {request.url}"
        answer = super().send(request, *args, **kwargs)
        place, _, query = request.url.removeprefix(self._emulator.origin).partition("?")
        if place.startswith("/api.spotify.com"):
            path = place.removeprefix("/api.spotify.com").rstrip("/")
            judge = spec.of_answers([pair.partition("=")[0] for pair in query.split("&")])
            if judge is not None:
                judge.assert_answer_valid(
                    request.method, path, answer.status_code, answer.headers, answer.content
                )
        return answer


def session(emulator: EmulatorProcess) -> requests.Session:
    """A session that knows no other road."""
    known, detour = requests.Session(), Detour(emulator)
    known.trust_env = False
    known.mount("https://", detour)
    known.mount("http://", detour)
    return known
