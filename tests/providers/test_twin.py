"""The judge that asks google-api-python-client: what it takes for the same call, and what it does not."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from tests.providers import discovery, twin

MAIL = "https://gmail.googleapis.com/gmail/v1/users/me"
UPLOAD = "https://gmail.googleapis.com/upload/gmail/v1/users/me/messages/send"
SHEETS = "https://sheets.googleapis.com/v4/spreadsheets/abc/values"
DRIVE = "https://www.googleapis.com/drive/v3/files"
JSON = {"content-type": "application/json"}
RELATED = {"content-type": 'multipart/related; boundary="cut"'}
MULTIPART = (
    b'--cut\r\nContent-Type: application/json\r\n\r\n{"threadId": "12"}\r\n'
    b"--cut\r\nContent-Type: message/rfc822\r\n\r\nTo: a@b.example\r\n\r\nHi\r\n--cut--\r\n"
)


def check(method: str, url: str, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
    twin.assert_same(discovery.of(url), method, url, headers or {}, body)


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", f"{MAIL}/messages?q=from%3Aben%20is%3Aunread&labelIds=INBOX&labelIds=STARRED&maxResults=5"),
        ("GET", f"{MAIL}/messages?maxResults=5&includeSpamTrash=false"),
        ("GET", f"{SHEETS}/%C3%9Cbersicht%21A1%3AB2?valueRenderOption=FORMATTED_VALUE"),
        ("GET", f"{DRIVE}/abc?alt=media&supportsAllDrives=true"),
        ("GET", f"{DRIVE}/abc/export?mimeType=text%2Fmarkdown"),
        ("GET", "https://people.googleapis.com/v1/people/c12?personFields=names"),
        ("POST", f"{MAIL}/threads/12/trash"),
    ],
)
def test_the_same_call(method: str, url: str) -> None:
    check(method, url)


def test_the_same_bodies() -> None:
    check("POST", f"{MAIL}/threads/12/modify", JSON, json.dumps({"addLabelIds": ["STARRED"]}).encode())
    check(
        "POST", f"{UPLOAD}?uploadType=media", {"content-type": "message/rfc822"}, b"To: a@b.example\r\n\r\nHi"
    )
    check("POST", f"{UPLOAD}?uploadType=multipart", RELATED, MULTIPART)


@pytest.mark.parametrize(
    ("method", "url", "headers", "body", "fault"),
    [
        ("GET", f"{SHEETS}/A1:B2", {}, b"", "has the path"),
        ("GET", f"{MAIL}/messages?query=ben", {}, b"", "unexpected keyword argument query"),
        ("GET", f"{MAIL}/messages/12?format=whole", {}, b"", "not an allowed value"),
        (
            "GET",
            "https://youtube.googleapis.com/youtube/v3/videos?id=a",
            {},
            b"",
            "Missing required parameter",
        ),
        ("POST", f"{UPLOAD}?uploadType=multipart", {"content-type": "message/rfc822"}, b"x", "has the query"),
        ("POST", f"{MAIL}/threads/12/trash", JSON, b'{"a": 1}', "not the body"),
    ],
    ids=["a path", "a parameter", "an enum", "a required one", "a way of upload", "a body"],
)
def test_another_call(method: str, url: str, headers: dict[str, str], body: bytes, fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        check(method, url, headers, body)


def test_it_asks_nobody() -> None:
    """What is compared is built and never sent."""
    request = twin.asked(discovery.google("gmail.v1"), "GET", f"{MAIL}/labels", None, None)
    assert urlsplit(request.uri).netloc == "gmail.googleapis.com"
