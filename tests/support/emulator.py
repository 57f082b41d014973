"""The upstreams' emulator as a process of its own, for tests that want the real wire.

    with EmulatorProcess() as emulator:
        callback = emulator.agree(authorize_url, account="ana")
        emulator.expire("access")
        emulator.fault("POST accounts.spotify.com/api/token*", kind="status", status=503)

The control surface is described in `providers/emulator/control.py`.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import subprocess
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from tests.support import warm

ROOT = Path(__file__).resolve().parents[2]
REDIRECT = "http://127.0.0.1:8420/callback/spotify"
CLIENT = "emulator-spotify"
SECRET = "emulator-secret"
AUTHORIZE = {
    "spotify": "https://accounts.spotify.com/authorize",
    "google": "https://accounts.google.com/o/oauth2/v2/auth",
}
TOKEN = {
    "spotify": "https://accounts.spotify.com/api/token",
    "google": "https://oauth2.googleapis.com/token",
}
BOX = re.compile(r'<input type="checkbox" name="([^"]+)" value="([^"]*)" checked>')


class EmulatorProcess:
    """One emulator. It never outlives this process: its stdin is our end of a pipe.

    `origin` is what VALET_EMULATOR_ORIGIN takes: `http://localhost:PORT`, so that its pages and ours
    (on 127.0.0.1) are different sites to a browser. `root` is the checkout that runs.
    """

    def __init__(self, state: Path | None = None, host: str = "localhost", root: Path = ROOT) -> None:
        self._state = state
        self._host = host
        self._root = root
        self._process: warm.Copy | subprocess.Popen[str] | None = None
        self._http: httpx2.Client | None = None
        self.origin = ""

    # Life

    def start(self, port: int = 0) -> str:
        """Start it and wait until it listens. The origin."""
        command = ["-m", "providers.emulator", "--port", str(port), "--exit-with-stdin"]
        if self._state is not None:
            command += ["--state", str(self._state)]
        given = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        pipe = subprocess.PIPE
        self._process = warm.start(
            command, cwd=self._root, env=given, root=self._root, stdin=pipe, stdout=pipe
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        ready = re.search(r"http://\S+:(\d+)", line)
        if ready is None:
            self.stop()
            raise RuntimeError(f"The emulator did not start: {line!r}")
        self.origin = f"http://{self._host}:{ready[1]}"
        self._http = httpx2.Client(base_url=self.origin, timeout=30, trust_env=False)
        return self.origin

    def stop(self) -> int:
        """End its stdin and wait for it. The exit status."""
        if self._http is not None:
            self._http.close()
            self._http = None
        if self._process is None:
            return 0
        process, self._process = self._process, None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            return process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            process.stdout.close()

    def kill(self) -> None:
        """End it as a crash does."""
        assert self._process is not None
        self._process.kill()
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> EmulatorProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # The world, as a browser or an API client meets it

    @property
    def http(self) -> httpx2.Client:
        """A client whose base is the origin; it follows no redirect."""
        assert self._http is not None, "start the emulator first"
        return self._http

    def url(self, real: str) -> str:
        """The emulator's address for an upstream's `https://host/path`."""
        return f"{self.origin}/{real.removeprefix('https://')}"

    def agree(
        self, authorize_url: str, account: str = "ana", decision: str = "agree", untick: Iterable[str] = ()
    ) -> str:
        """What a person does on the consent page. The callback URL they are sent to.

        `untick` names boxes that are not left ticked, such as `scope.calendar.events`.
        """
        page = self.http.get(authorize_url)
        assert page.status_code == 200, page.text[-300:]
        boxes = {name: value for name, value in BOX.findall(page.text) if name not in untick}
        form = {**boxes, "account": account, "decision": decision}
        answer = self.http.post(authorize_url, data=form)
        assert answer.status_code == 303, answer.text[-300:]
        return answer.headers["location"]

    def sign_in(
        self,
        *scopes: str,
        account: str = "ana",
        client: str | None = None,
        secret: str | None = SECRET,
        upstream: str = "spotify",
        untick: Iterable[str] = (),
        **asked: str,
    ) -> dict[str, Any]:
        """The whole authorization code flow with PKCE. The token endpoint's answer.

        `asked` are further parameters of the authorize request, such as `access_type="offline"`.
        """
        client = client or f"emulator-{upstream}"
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "client_id": client,
            "response_type": "code",
            "redirect_uri": REDIRECT,
            "scope": " ".join(scopes),
            "code_challenge_method": "S256",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            **asked,
        }
        url = f"{self.url(AUTHORIZE[upstream])}?{urlencode(query)}"
        callback = self.agree(url, account, untick=untick)
        form = {
            "grant_type": "authorization_code",
            "code": parse_qs(urlsplit(callback).query)["code"][0],
            "redirect_uri": REDIRECT,
            "code_verifier": verifier,
        }
        answer = self.token(form, client, secret, upstream)
        issued: dict[str, Any] = self._checked(answer)
        return issued

    def token(
        self,
        form: dict[str, str],
        client: str | None = None,
        secret: str | None = SECRET,
        upstream: str = "spotify",
    ) -> httpx2.Response:
        """A request to a token endpoint: Basic where there is a secret, else the id in the body."""
        client, url = client or f"emulator-{upstream}", self.url(TOKEN[upstream])
        if secret is None:
            return self.http.post(url, data={**form, "client_id": client})
        return self.http.post(url, data=form, auth=(client, secret))

    def access_token(self, *scopes: str, account: str = "ana") -> str:
        """An access token with those scopes."""
        return str(self.sign_in(*scopes, account=account)["access_token"])

    # Control

    def control(self, name: str, **body: Any) -> Any:
        """POST a change to the control surface."""
        return self._checked(self.http.post(f"/_control/{name}", json=body))

    def read(self, name: str, **query: Any) -> Any:
        """GET something from the control surface."""
        return self._checked(self.http.get(f"/_control/{name}", params=query))

    @staticmethod
    def _checked(answer: httpx2.Response) -> Any:
        assert answer.status_code == 200, answer.text
        return answer.json()

    def reset(self) -> None:
        """The world as at the beginning."""
        self.control("reset")

    def settings(self, **values: Any) -> Any:
        """Turn switches: rotate, reuse_detection, grace_seconds, withheld_scopes, lag_ms, …"""
        return self.control("settings", **values)

    def advance(self, seconds: float) -> None:
        """Move the clock; negative moves it back."""
        self.control("clock", advance=seconds)

    def accounts(self, upstream: str = "spotify") -> dict[str, dict[str, Any]]:
        """Everybody of an upstream, by key."""
        return {row["account"]: row for row in self.read("accounts", upstream=upstream)}

    def player(self, account: str = "ana") -> Any:
        """The true state of somebody's player."""
        return self.read("player", account=account)

    def set_player(self, account: str = "ana", **values: Any) -> Any:
        """Change it behind the API's back: active, playing, position_ms, shuffle, repeat, queued, devices."""
        return self.control("player", account=account, **values)

    def playlists(self, account: str = "ana") -> list[dict[str, Any]]:
        """What somebody's own playlists truly hold, in the order of their making."""
        return list(self.read("playlists", account=account))

    def library(self, account: str = "ana") -> Any:
        """What somebody truly saved, follows and heard."""
        return self.read("library", account=account)

    def set_library(self, account: str = "ana", **values: Any) -> Any:
        """Change it behind the API's back: save, remove (URIs, also of what does not exist any more)."""
        return self.control("library", account=account, **values)

    def client(self, client_id: str | None = None, *, upstream: str = "spotify", **values: Any) -> Any:
        """Change an app (`emulator-<upstream>` unless named): secret, redirects, refused."""
        client_id = client_id or f"emulator-{upstream}"
        return self.control("clients", client_id=client_id, upstream=upstream, **values)

    def tokens(self, upstream: str | None = None) -> Any:
        """Every access and refresh token and code ever issued, and the grants; of all upstreams or one."""
        return self.read("tokens", **({"upstream": upstream} if upstream else {}))

    def canaries(self) -> set[str]:
        """Every secret any upstream ever issued: none of them may turn up where it should not."""
        issued = self.tokens()
        return {*issued["access"], *issued["refresh"], *issued["codes"], *issued["private"]}

    def expire(
        self,
        what: str = "access",
        account: str | None = None,
        client_id: str | None = None,
        upstream: str | None = None,
    ) -> int:
        """Let `access` tokens, `refresh` tokens or `grants` die of age now; at all upstreams or one."""
        whose = {"account": account, "client_id": client_id, "upstream": upstream}
        return int(self.control("expire", what=what, **whose)["expired"])

    def revoke(
        self,
        account: str | None = None,
        client_id: str | None = None,
        *,
        access: bool = True,
        upstream: str | None = None,
    ) -> int:
        """End grants as a person does at the upstream; at all upstreams or one."""
        whose = {"account": account, "client_id": client_id, "upstream": upstream}
        return int(self.control("revoke", access=access, **whose)["revoked"])

    def fault(self, match: str, kind: str, **values: Any) -> int:
        """Set up a fault for requests like `METHOD host/path` (a glob). Its id."""
        return int(self.control("faults", match=match, kind=kind, **values)["id"])

    def clear_faults(self) -> None:
        """No more faults, and what hangs goes on."""
        self.control("faults/clear")

    def release(self) -> int:
        """Let what hangs go on. How many did."""
        return int(self.control("release")["released"])

    def wait_hanging(self, count: int = 1, seconds: float = 10) -> None:
        """Return when that many requests hang; fail when they do not in time."""
        waiting = self.read("waiting", count=count, seconds=seconds)["waiting"]
        assert waiting >= count, f"{waiting} requests hang, not {count}"

    def counters(self) -> Any:
        """Calls by route, answers by route and status, refreshes."""
        return self.read("counters")

    def refreshes(self) -> int:
        """How many refreshes were asked for since the start, or the last `forget`."""
        return int(self.counters()["refreshes"])

    def requests(self, after: int = 0) -> list[dict[str, Any]]:
        """The latest requests to the upstreams, oldest first."""
        return list(self.read("requests", after=after))

    def forget(self) -> None:
        """Counters and requests begin again."""
        self.control("forget")
