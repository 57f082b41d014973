"""Files in and out of the emulator's Google; each request of ours is judged by its discovery documents."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from pydantic import SecretStr

from providers.base import Account, App, Parcel, TokenSet
from providers.google.services import DRIVE_FILE, DRIVE_READ, GMAIL_COMPOSE, GMAIL_READ
from providers.google.transfer import (
    attachment,
    draft_attachment,
    drive_file,
    exported,
    new_content,
    new_file,
)
from providers.transport import Transport
from tests.connect.depot import served
from tests.connect.inn import Inn
from tests.connect.porch import OURS
from tests.mcp_server.hall import Judge
from tests.support.emulator import EmulatorProcess
from tests.support.ports import free_port
from vault.ids import new_id
from vault.store.database import Database

SCOPES = (DRIVE_FILE, GMAIL_COMPOSE, GMAIL_READ)


@pytest.fixture(scope="module")
def google() -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as emulator:
        yield emulator


@dataclass
class House:
    """The sidecar over a socket, the emulator behind it, and Ana, whose chat may use her Drive and Gmail."""

    inn: Inn
    emulator: EmulatorProcess
    judge: Judge
    origin: str
    http: httpx2.AsyncClient
    user: UUID
    grant: UUID
    token: str = ""
    connection: UUID | None = None

    async def connect(self, *scopes: str) -> None:
        issued = await asyncio.to_thread(
            self.emulator.sign_in, *scopes, account="ana", upstream="google", access_type="offline"
        )
        self.token = issued["access_token"]
        self.judge.scopes[self.token] = granted = frozenset(issued["scope"].split())
        account = Account("https://accounts.google.com", "ana", "ana@example.test", "private")
        tokens = TokenSet(SecretStr(self.token), 3600.0, SecretStr("refresh"), granted)
        row = await self.inn.vault.save(self.user, "google", "operator", account, tokens, granted, None)
        self.connection = row.id

    async def link(self, parcel: Parcel) -> str:
        assert self.connection is not None
        offered = await self.inn.courier.transfers.offer(
            user=self.user, grant=self.grant, connection=self.connection, scopes=OURS, parcel=parcel
        )
        return f"{self.origin}/files/{offered.handle.get_secret_value()}"

    async def api(self, method: str, url: str, **more: Any) -> Any:
        """One call to the emulator beside Valet."""
        headers = {"authorization": f"Bearer {self.token}"}
        answer = await self.http.request(method, self.emulator.url(url), headers=headers, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def house(inn_database: Database, inn_ring: Path, google: EmulatorProcess) -> AsyncIterator[House]:
    google.reset()
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    async with Judge(google) as judge, Transport(judge) as transport:
        apps = {"google": App("operator", "emulator-google", SecretStr("emulator-secret"))}
        inn = await Inn.open(
            inn_database, inn_ring, public_url=origin, everyone=True, emulator=transport, apps=apps
        )
        user, client, grant = await inn.user("ana"), await inn.client(), new_id()
        await inn.run(
            "INSERT INTO grants (id, user_id, client_id, redirect_uri, scopes) VALUES (%s, %s, %s, 'x', %s)",
            grant,
            user.id,
            client.id,
            OURS,
        )
        async with served(inn.app, port), httpx2.AsyncClient(trust_env=False, timeout=60) as http:
            opened = House(inn, google, judge, origin, http, user.id, grant)
            await opened.connect(*SCOPES)
            yield opened
        assert not judge.faults, judge.faults[0]


DRIVE = "https://www.googleapis.com/drive/v3/files"
MAIL = "https://gmail.googleapis.com/gmail/v1/users/me"


async def test_what_goes_into_a_drive_comes_out_of_it_again(house: House) -> None:
    """5 MB, in pieces; then other content, an empty one, and each as it was sent."""
    content = hashlib.sha256(b"seed").digest() * (5_000_000 // 32)
    kind = {"content-type": "application/x-thing"}
    for parcel, sent in ((new_file("Plan.bin"), content), (None, b"short"), (None, b"")):
        if parcel is not None:
            answer = await house.http.post(await house.link(parcel), content=sent, headers=kind)
            found = await house.api("GET", f"{DRIVE}?fields=files(id,name,mimeType,size)")
            (file,) = [each for each in found["files"] if each["name"] == "Plan.bin"]
            assert (file["mimeType"], file["size"]) == ("application/x-thing", str(len(sent)))
        else:
            url = await house.link(new_content(file["id"], "Plan.bin"))
            length = {"content-length": str(len(sent))}
            answer = await house.http.post(url, content=sent, headers={**kind, **length})
        assert answer.status_code == 200, answer.text
        out = await house.http.post(await house.link(drive_file(file["id"], "Plan.bin")))
        assert (out.status_code, out.content) == (200, sent)


async def test_a_doc_comes_as_the_file_that_was_asked_for(house: House) -> None:
    made = await house.api(
        "POST", DRIVE, json={"name": "Notes", "mimeType": "application/vnd.google-apps.document"}
    )
    url = await house.link(exported(made["id"], "Notes.pdf", "application/pdf"))
    answer = await house.http.post(url)
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"%PDF")
    assert 'filename="Notes.pdf"' in answer.headers["content-disposition"]
    # As it is, there is none: Google says so by a word of its own.
    refused = await house.http.post(await house.link(drive_file(made["id"], "Notes")))
    assert refused.status_code == 409


async def test_a_file_that_valet_may_not_see_is_not_there(house: House) -> None:
    theirs = await asyncio.to_thread(house.emulator.read, "drive/files", account="ana")
    rows = theirs["files"] if isinstance(theirs, dict) else theirs
    pdf = next(each for each in rows if each["mimeType"] == "application/pdf")
    url = await house.link(drive_file(pdf["id"], pdf["name"]))
    refused = await house.http.post(url, headers={"accept": "text/html"})
    assert refused.status_code == 404
    assert "Ask in your chat" in refused.text
    # Allowed more meanwhile, the same link is good.
    await house.connect(*SCOPES, DRIVE_READ)
    answer = await house.http.post(url)
    assert answer.status_code == 200
    assert answer.content.startswith(b"%PDF")


def _attached(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if part.get("filename") and part["body"].get("attachmentId"):
        yield part
    for inner in part.get("parts", []):
        yield from _attached(inner)


async def test_an_attachment_comes_as_it_was_sent(house: House) -> None:
    content = hashlib.sha512(b"seed").digest() * 20_001
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = "ben@example.test", "ana@example.test", "A big one"
    mail.set_content("See below")
    mail.add_attachment(content, maintype="application", subtype="zip", filename="big.zip")
    raw = base64.b64encode(mail.as_bytes()).decode()
    await asyncio.to_thread(house.emulator.control, "gmail/put", account="ana", raw=raw)
    found = await house.api("GET", f"{MAIL}/messages?q=filename:big.zip")
    message = await house.api("GET", f"{MAIL}/messages/{found['messages'][0]['id']}")
    (part,) = _attached(message["payload"])
    url = await house.link(attachment(message["id"], part["body"]["attachmentId"], part["filename"]))
    answer = await house.http.post(url)
    assert (answer.status_code, answer.content) == (200, content)
    assert 'filename="big.zip"' in answer.headers["content-disposition"]


async def test_a_draft_gets_one_attachment_after_the_other_and_stays_in_its_thread(house: House) -> None:
    found = await house.api("GET", f"{MAIL}/threads?maxResults=1")
    thread = found["threads"][0]["id"]
    whole = await house.api("GET", f"{MAIL}/threads/{thread}?format=metadata")
    heads = {each["name"].lower(): each["value"] for each in whole["messages"][0]["payload"]["headers"]}
    # The library that our requests are held beside can't send a mail of 8 bits.
    mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    mail["To"], mail["Subject"] = "ben@example.test", heads["subject"]
    mail["In-Reply-To"] = mail["References"] = heads["message-id"]
    mail.set_content("Grüße 🎉\n")
    raw = base64.urlsafe_b64encode(mail.as_bytes()).decode()
    message = {"raw": raw, "threadId": thread}
    draft = await house.api("POST", f"{MAIL}/drafts", json={"message": message})
    sent = {"plan.pdf": b"%PDF-1.7 " * 5000, "תקציב.csv": "א,ב\n".encode(), "empty.txt": b""}
    for name, content in sent.items():
        head = f'--b0undary\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + b"\r\n--b0undary--\r\n"
        url = await house.link(draft_attachment(draft["id"]))
        kind = {"content-type": "multipart/form-data; boundary=b0undary"}
        answer = await house.http.post(url, content=body, headers=kind)
        assert answer.status_code == 200, answer.text
    after = await house.api("GET", f"{MAIL}/drafts/{draft['id']}?format=raw")
    assert after["message"]["threadId"] == thread
    held = message_from_bytes(base64.urlsafe_b64decode(after["message"]["raw"] + "=="), policy=SMTP)
    assert (held["To"], held["In-Reply-To"]) == ("ben@example.test", heads["message-id"])
    text, *files = held.iter_parts()
    assert text.get_content().strip() == "Grüße 🎉"
    assert {each.get_filename(): each.get_payload(decode=True) for each in files} == sent


async def test_two_at_once_for_one_draft_are_both_attached(house: House) -> None:
    mail = EmailMessage(policy=SMTP)
    mail["To"] = "ben@example.test"
    mail.set_content("x")
    raw = base64.urlsafe_b64encode(mail.as_bytes()).decode()
    draft = await house.api("POST", f"{MAIL}/drafts", json={"message": {"raw": raw}})
    urls = [await house.link(draft_attachment(draft["id"], f"{name}.txt")) for name in "ab"]
    answers = await asyncio.gather(*(house.http.post(url, content=bytes(300_000)) for url in urls))
    assert [each.status_code for each in answers] == [200, 200]
    after = await house.api("GET", f"{MAIL}/drafts/{draft['id']}?format=raw")
    held = message_from_bytes(base64.urlsafe_b64decode(after["message"]["raw"] + "=="), policy=SMTP)
    assert {each.get_filename() for each in held.iter_attachments()} == {"a.txt", "b.txt"}
