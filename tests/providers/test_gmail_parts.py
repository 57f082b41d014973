"""What a mail is made of: whatever a stranger puts there, text and files come out, and nothing raises."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from providers.google.gmail.answers import Part
from providers.google.gmail.parts import Address, addresses, contents, text_of, unpacked, words


def part(kind: str, data: bytes | str = b"", id_: str = "0", **more: Any) -> dict[str, Any]:
    body = data.encode() if isinstance(data, str) else data
    return {
        "partId": id_,
        "mimeType": kind,
        "body": {"size": len(body), "data": base64.urlsafe_b64encode(body).decode()},
        **more,
    }


def holder(kind: str, *parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"mimeType": f"multipart/{kind}", "body": {"size": 0}, "parts": list(parts), **more}


def file(name: str, kind: str, id_: str) -> dict[str, Any]:
    return {
        "partId": id_,
        "filename": name,
        "mimeType": kind,
        "body": {"size": 9, "attachmentId": f"at-{id_}"},
    }


def read(tree: dict[str, Any]) -> Part:
    return Part.model_validate(tree)


def test_alternatives_are_one_piece_and_files_stay_files() -> None:
    tree = holder(
        "mixed",
        holder(
            "alternative",
            part("text/plain", "plain"),
            holder("related", part("text/html", "<b>rich</b>"), file("logo.png", "image/png", "1.1")),
        ),
        file("report.pdf", "application/pdf", "2"),
        part("text/plain", "below the file"),
        part("text/csv", "a,b", filename="a.csv", id_="4"),
        part(
            "text/plain", "for saving", headers=[{"name": "content-disposition", "value": " Attachment; x"}]
        ),
    )
    found = contents(read(tree))
    texts = [(text_of(piece.plain), text_of(piece.html)) for piece in found.pieces]
    assert texts == [("plain", "<b>rich</b>"), ("below the file", None)]
    names = [each.name for each in found.attachments]
    assert names == ["logo.png", "report.pdf", "a.csv", ""]
    assert not found.deeper


def test_an_attached_mail_is_a_file_and_its_words_are_not_this_mails() -> None:
    inner = holder("mixed", part("text/plain", "of the other"), file("inner.pdf", "application/pdf", "1.0.1"))
    tree = holder("mixed", part("text/plain", "own"), part("message/rfc822", b"x" * 5, "1", parts=[inner]))
    found = contents(read(tree))
    assert [text_of(piece.plain) for piece in found.pieces] == ["own"]
    assert [each.name for each in found.attachments] == ["message.eml", "inner.pdf"]


def test_what_lies_deeper_than_was_asked_for_is_said() -> None:
    tree = holder("mixed", part("text/plain", "here"), {"mimeType": "multipart/mixed", "body": {"size": 0}})
    assert contents(read(tree)).deeper
    assert contents(read(part("application/pdf", b"x", ""))).attachments[0].part_id == "root"


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        ("grün".encode(), "iso-8859-1", "grün"),  # Gmail gives UTF-8 whatever was declared
        ("grün".encode("latin-1"), "iso-8859-1", "grün"),
        ("日本".encode("shift-jis"), "shift_jis", "日本"),
        ("日本".encode("iso-2022-jp"), "iso-2022-jp", "日本"),
        ("日本".encode(), "iso-2022-jp", "日本"),
        (b"gr\xfcn", "no-such-thing", "gr\ufffdn"),
        (b"\xff\xfe", "zlib", "\ufffd\ufffd"),
        (b"plain", "rot13", "plain"),
        (b"\x81", "idna", "\ufffd"),
    ],
)
def test_charsets_right_wrong_and_absurd(body: bytes, charset: str, text: str) -> None:
    kind = [{"name": "CONTENT-TYPE", "value": f'text/plain; charset="{charset}"'}]
    assert text_of(read(part("text/plain", body, headers=kind))) == text


def test_headers_in_encoded_words() -> None:
    assert words("=?UTF-8?B?16nXnNeV150=?= =?UTF-8?Q?_=F0=9F=8E=89?=") == "שלום 🎉"
    for broken in ("=?x-unknown?b?AAAA?=", "=?utf-8?b?A?=", "=?utf-8?q?=ff?=", "=?" * 9000):
        assert isinstance(words(broken), str)


def test_whom_a_header_names() -> None:
    both = addresses('=?utf-8?b?16nXnNeV150=?= <s@example.com>,\r\n "Last, First" <l@example.com>')
    assert both == [Address("שלום", "s@example.com"), Address("Last, First", "l@example.com")]
    # What is within an encoded word is a name, whatever it looks like.
    [fake] = addresses("=?utf-8?q?boss=40corp=2Eexample_=3Cboss=40corp=2Eexample=3E?= <eve@example.com>")
    assert fake.address == "eve@example.com"
    for wild in ("", "undisclosed-recipients:;", "<<>>", "a" * 50_000, "(" * 9000, '"' * 501, "@", "Ana"):
        assert all(isinstance(each, Address) for each in addresses(wild))


def test_bytes_that_are_none() -> None:
    assert unpacked("_-8") == b"\xff\xef"
    assert unpacked("a") == unpacked("é") == b""
