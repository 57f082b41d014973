"""An API of Google's at the emulator, with its discovery document judging both directions of every call."""

from __future__ import annotations

import re
from typing import Any

import httpx2

from providers.emulator.google.scopes import PREFIX, SCOPES
from tests.providers import discovery
from tests.support.emulator import EmulatorProcess


class GoogleWire:
    """Calls one API as somebody who granted `scopes` (without prefix). Paths are whole: `/tasks/v1/…`."""

    def __init__(
        self, emulator: EmulatorProcess, api: str, scopes: tuple[str, ...], account: str = "ana"
    ) -> None:
        self.emulator = emulator
        self.contract = discovery.google(api)
        full = (scope if "://" in scope else PREFIX + scope for scope in scopes)
        tokens = emulator.sign_in("openid", *full, account=account, upstream="google")
        self.scopes = tokens["scope"].split()
        self.token = tokens["access_token"]

    def __call__(
        self, method: str, path: str, body: Any = None, *, judged: bool = True, etag: str = "", **query: Any
    ) -> httpx2.Response:
        """`judged` False where the request is wrong on purpose: only the answer is validated then."""
        headers = {"authorization": f"Bearer {self.token}", **({"if-match": etag} if etag else {})}
        url = self.emulator.url(f"{self.contract.origin}{path}")
        answer = self.emulator.http.request(method, url, json=body, params=query, headers=headers)
        asked = answer.request
        place = asked.url.raw_path.decode().partition("?")[0]
        place = place.removeprefix(f"/{self.contract.origin.removeprefix('https://')}")
        if judged:
            real = str(asked.url).replace(f"{self.emulator.origin}/", "https://")
            self.contract.assert_request_valid(method, real, asked.headers, asked.content, self.scopes)
        if answer.status_code not in {404, 405} or self.contract.has(place):
            self.contract.assert_answer_valid(
                method, place, answer.status_code, answer.headers, answer.content
            )
        return answer

    def json(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        """The answer to a call that succeeds."""
        answer = self(method, path, body, **how)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, method: str, path: str, body: Any = None, **how: Any) -> tuple[int, str]:
        """Status, and the machine word (of the older shape) or the status' name (of the newer)."""
        answer = self(method, path, body, judged=False, **how)
        error = answer.json()["error"]
        assert error["code"] == answer.status_code
        return answer.status_code, error["errors"][0]["reason"] if "errors" in error else error["status"]


def every_method(emulator: EmulatorProcess, api: str) -> set[str]:
    """What is served of an API, by name without its first word.

    AssertionError where a method has no route, or a scope opens what it does not open at Google.
    """
    contract = discovery.google(api)
    operations = list(contract.operations())
    scopes = {scope for method in operations for scope in method.get("scopes", [])}
    served: set[str] = set()
    asked = operations
    for scope in sorted(scopes & SCOPES.keys()):
        wire = GoogleWire(emulator, api, (scope,))
        for method in asked:
            path = "/" + re.sub(r"\{\+?\w+\}", "nothing", method.get("flatPath") or method["path"])
            body = {} if method["httpMethod"] in {"POST", "PUT", "PATCH"} else None
            status = wire(method["httpMethod"], path, body, judged=False).status_code
            assert status not in {401, 405}, method["id"]
            if status != 501:
                served.add(name := method["id"].partition(".")[2])
                assert (status == 403) == (scope not in method["scopes"]), (scope, name, status)
        asked = [method for method in operations if method["id"].partition(".")[2] in served]
    return served
