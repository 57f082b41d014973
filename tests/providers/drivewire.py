"""Google Drive at the emulator, with Google's discovery document judging both directions of every call."""

from __future__ import annotations

import json
from typing import Any

import httpx2

from providers.emulator.google.scopes import PREFIX
from tests.providers import discovery
from tests.support.emulator import EmulatorProcess

HOST = "https://www.googleapis.com"
UPLOAD = "/upload/drive/v3/files"
ALL = ("drive",)
FILE = ("drive.file",)
DOC, FOLDER = "application/vnd.google-apps.document", "application/vnd.google-apps.folder"


class DriveWire:
    """Calls the emulator as Drive, as somebody who granted `scopes` (without prefix)."""

    def __init__(
        self, emulator: EmulatorProcess, account: str = "ana", scopes: tuple[str, ...] = ALL
    ) -> None:
        self.emulator = emulator
        self.contract = discovery.google("drive.v3")
        full = [PREFIX + scope for scope in scopes]
        tokens = emulator.sign_in("openid", *full, account=account, upstream="google")
        self.scopes = tokens["scope"].split()
        self.token = tokens["access_token"]
        self.account = account

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        judged: bool = True,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> httpx2.Response:
        """`judged` False where the request is wrong on purpose: only the answer is validated then."""
        sent = {"authorization": f"Bearer {self.token}", **(headers or {})}
        whole = path if path.startswith("/upload") else f"/drive/v3{path}"
        asking: dict[str, Any] = {"json": body} if content is None else {"content": content}
        answer = self.emulator.http.request(
            method, self.emulator.url(HOST + whole), params=query or None, headers=sent, **asking
        )
        asked = answer.request
        if judged:
            real = str(asked.url).replace(f"{self.emulator.origin}/", "https://")
            self.contract.assert_request_valid(method, real, asked.headers, asked.content, self.scopes)
        place = asked.url.raw_path.decode().partition("?")[0].removeprefix("/www.googleapis.com")
        if method in {"PUT", "DELETE"} and whole.startswith("/upload"):
            return answer  # a session's address: no document has it
        media = query.get("alt") == "media"
        begun = query.get("uploadType") == "resumable" and answer.status_code == 200
        if not begun:
            self.contract.assert_answer_valid(
                method, place, answer.status_code, answer.headers, answer.content, media
            )
        return answer

    def json(self, path: str, **query: Any) -> Any:
        """A reading that succeeds."""
        answer = self("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def names(self, q: str, **query: Any) -> list[str]:
        """Names of what a search finds, in its order."""
        return [file["name"] for file in self.json("/files", q=q, **query)["files"]]

    def make(self, body: dict[str, Any], fields: str = "*", **query: Any) -> dict[str, Any]:
        """A new file without content."""
        answer = self("POST", "/files", body, fields=fields, **query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def change(self, file: str, body: Any = None, fields: str = "*", **query: Any) -> dict[str, Any]:
        """A file changed."""
        answer = self("PATCH", f"/files/{file}", body or {}, fields=fields, **query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def multipart(self, metadata: dict[str, Any], kind: str, content: bytes, **how: Any) -> httpx2.Response:
        """Metadata and content in one request."""
        parts = [
            b"--sheep\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
            + json.dumps(metadata).encode(),
            b"--sheep\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + content,
            b"--sheep--",
        ]
        headers = {"content-type": "multipart/related; boundary=sheep"}
        return self(
            "POST", UPLOAD, content=b"\r\n".join(parts), headers=headers, uploadType="multipart", **how
        )

    def refused(self, method: str, path: str, body: Any = None, **how: Any) -> tuple[int, str]:
        """Status and reason of a refusal."""
        answer = self(method, path, body, judged=False, **how)
        error = answer.json()["error"]
        assert error["code"] == answer.status_code, answer.text
        return answer.status_code, error["errors"][0]["reason"]

    def of(self, account: str | None = None) -> dict[str, str]:
        """Ids of an account's own files by name."""
        return dict(self.emulator.accounts("google")[account or self.account]["files"])
