"""Gmail at the emulator, with Google's discovery document judging both directions of every call."""

from __future__ import annotations

import base64
import json
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import httpx2

from tests.providers import discovery
from tests.support.emulator import EmulatorProcess

HOST = "https://gmail.googleapis.com"
ME = "/gmail/v1/users/me"
PREFIX = "https://www.googleapis.com/auth/"


class GmailWire:
    """Calls the emulator as Gmail, and lets the document judge."""

    def __init__(
        self, emulator: EmulatorProcess, account: str = "ana", scopes: tuple[str, ...] = ("gmail.modify",)
    ) -> None:
        self.emulator = emulator
        self.contract = discovery.google("gmail.v1")
        asked = ["openid", "email", *(one if "://" in one else PREFIX + one for one in scopes)]
        tokens = emulator.sign_in(*asked, account=account, upstream="google")
        self.scopes = tokens["scope"].split()
        self.token = tokens["access_token"]

    def __call__(
        self, method: str, path: str, body: Any = None, *, judged: bool = True, base: str = ME,
        content: bytes | None = None, sort: str = "message/rfc822", query: dict[str, Any] | None = None,
    ) -> httpx2.Response:  # fmt: skip
        """`judged` False where the request is wrong on purpose: only the answer is validated then."""
        sent = {"authorization": f"Bearer {self.token}"}
        if content is not None:
            sent["content-type"] = sort
        url = self.emulator.url(HOST + base + path)
        answer = self.emulator.http.request(
            method, url, json=body, content=content, params=query, headers=sent
        )
        asked = answer.request
        real = str(asked.url).replace(f"{self.emulator.origin}/", "https://")
        if judged:
            self.contract.assert_request_valid(method, real, asked.headers, asked.content, self.scopes)
        place = real.removeprefix(HOST).partition("?")[0]
        self.contract.assert_answer_valid(method, place, answer.status_code, answer.headers, answer.content)
        return answer

    def get(self, path: str, **query: Any) -> Any:
        """A reading that succeeds."""
        answer = self("GET", path, query=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """A change that succeeds."""
        answer = self(method, path, body)
        assert answer.status_code in {200, 204}, answer.text
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str, body: Any = None, **how: Any) -> tuple[int, str, str]:
        """Status, reason and message of a refusal, which has both shapes at once."""
        answer = self(method, path, body, judged=False, **how)
        error = json.loads(answer.content)["error"]
        assert error["code"] == answer.status_code
        assert error["status"]
        return answer.status_code, error["errors"][0]["reason"], error["message"]

    def find(self, q: str, **query: Any) -> list[str]:
        """The subjects of the messages that a search finds, newest first."""
        rows = self.get("/messages", q=q, **query).get("messages", [])
        return [self.subject(row["id"]) for row in rows]

    def subject(self, id_: str) -> str:
        """The subject as the control surface knows it."""
        box = self.emulator.read("gmail/mailbox", account=self.account())
        return str(next(row["subject"] for row in box["messages"] if row["id"] == id_))

    def account(self) -> str:
        """Whose mailbox it is."""
        email = self.get("/profile")["emailAddress"]
        rows = self.emulator.accounts("google").values()
        return str(next(row["account"] for row in rows if row["email"] == email))

    def one(self, q: str, **query: Any) -> dict[str, Any]:
        """The message that a search finds."""
        (row,) = self.get("/messages", q=q)["messages"]
        return dict(self.get(f"/messages/{row['id']}", **query))


def letter(
    to: str = "ben.okafor@gmail.com", subject: str = "Tea", text: str = "At four?", **more: str
) -> bytes:
    """A message; further headers by name, `_` for `-`."""
    message = EmailMessage(SMTP)
    if to:
        message["To"] = to
    message["Subject"] = subject
    for name, value in more.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()


def raw(message: bytes) -> str:
    return base64.urlsafe_b64encode(message).decode()


def header(message: dict[str, Any], name: str) -> str:
    return str(next(row["value"] for row in message["payload"]["headers"] if row["name"] == name))


def parts(message: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every part by its id."""
    found, rest = {}, [message["payload"]]
    while rest:
        part = rest.pop()
        found[part["partId"]] = part
        rest += part.get("parts", [])
    return found


def opened(text: str) -> bytes:
    return base64.urlsafe_b64decode(text)
