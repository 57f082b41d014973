"""google-api-python-client, unchanged, on its way to the emulator: only addresses and tokens are ours.

    gmail = road.api(emulator, "gmail.v1", "gmail.modify", account="ana")
    gmail.users().labels().list(userId="me").execute()

Its `api_endpoint` is the emulator's. For uploads it takes the endpoint's host alone, with TLS, and a session
of an upload in pieces has Google's own address: those lead to the emulator too, all others nowhere. Each
request and each answer is judged by the API's discovery document.
"""

from __future__ import annotations

from typing import Any

import httplib2
from google.oauth2.credentials import Credentials
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build

from providers.emulator.google.scopes import full
from tests.providers import discovery
from tests.support.emulator import EmulatorProcess

PATIENCE = 60
"""Seconds to wait for an answer of a busy machine."""


class Road(httplib2.Http):
    """The library's own transport, with one way out."""

    def __init__(self, emulator: EmulatorProcess, contract: discovery.Contract, scopes: list[str]) -> None:
        super().__init__(timeout=PATIENCE, proxy_info=None)
        self.follow_redirects = False  # 308 is an upload that goes on, as the library sets it itself
        self._emulator, self._contract, self._scopes = emulator, contract, scopes

    def request(self, uri: str, method: str = "GET", body: Any = None, headers: Any = None, *args: Any,
                **how: Any) -> Any:  # fmt: skip
        """Send it to the emulator."""
        real = self._real(uri)
        content = body if isinstance(body, (bytes, str)) or body is None else body.read()
        session = "upload_id=" in real
        if not session:
            self._contract.assert_request_valid(method, real, headers, content, self._scopes)
        answer, data = super().request(self._emulator.url(real), method, content, headers, *args, **how)
        if not session and "uploadType=resumable" not in real:
            place = real.removeprefix(self._contract.origin).partition("?")[0]
            self._contract.assert_answer_valid(
                method, place, answer.status, answer, data, "alt=media" in real
            )
        return answer, data

    def _real(self, uri: str) -> str:
        """The address at Google that is meant."""
        here = self._emulator.origin
        if uri.startswith(f"{here}/"):
            return f"https://{uri.removeprefix(f'{here}/')}"
        secure = here.replace("http://", "https://")
        if uri.startswith(f"{secure}/"):
            return self._contract.origin + uri.removeprefix(secure)
        assert uri.startswith(f"{self._contract.origin}/"), f"not for the emulator: {uri}"
        return uri


def api(emulator: EmulatorProcess, name: str, *scopes: str, account: str = "ana") -> Any:
    """An API such as `gmail.v1` as the library has it, for somebody who granted those scopes.

    `close()` it: it keeps its connections.
    """
    contract = discovery.google(name)
    issued = emulator.sign_in(
        "openid", *(full(scope) for scope in scopes), account=account, upstream="google"
    )
    road = Road(emulator, contract, issued["scope"].split())
    service, version = name.split(".")
    return build(
        service, version, http=AuthorizedHttp(Credentials(issued["access_token"]), http=road),
        client_options={"api_endpoint": emulator.url(contract.base)},
        static_discovery=True, cache_discovery=False,
    )  # fmt: skip
