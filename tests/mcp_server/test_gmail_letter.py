"""Composing: what a mail looks like on the wire, and what may not stand in one."""

from __future__ import annotations

import email
import email.policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import getaddresses
from typing import cast

import pytest

from mcp_server.errors import Refusal
from mcp_server.tools.google.gmail.letter import Answers, Enclosed, Letter, body_of, subject_of
from mcp_server.tools.google.gmail.recipients import Recipients, address, recipients
from mcp_server.tools.google.gmail.reply import answered
from providers.google.gmail import Message

NOBODY = Recipients()
NAMES = [
    "Ana",
    "Last, First",
    'Quo"te \\ back',
    "שלום עולם",
    "Party 🎉👨‍👩‍👧 people",
    "A very long näme, with commas; and semicolons and so on and on and on until it has to be folded",
    "=?utf-8?q?not=20encoded?=",
]


def letter(to: list[str], subject: str = "Lunch", body: str = "Hi", **more: object) -> Letter:
    return Letter(recipients(to, [], []), subject_of(subject), body_of(body), **more)  # type: ignore[arg-type]


def parsed(mail: Letter) -> EmailMessage:
    raw = bytes(mail)
    assert max(map(len, raw.split(b"\r\n"))) <= 998  # RFC 5322 §2.1.1
    assert b"\n" not in raw.replace(b"\r\n", b"")
    return cast(EmailMessage, email.message_from_bytes(raw, policy=email.policy.default))


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_come_back_as_they_were(name: str) -> None:
    raw = email.message_from_bytes(bytes(letter([f"{name} <ana@example.com>", "ben@example.com"])))
    # decode_header joins neighbouring encoded words as RFC 2047 §6.2 says.
    [(first, one), (_, two)] = getaddresses([str(raw["To"]).replace("\r\n", "")])
    assert str(make_header(decode_header(first))) == name
    assert (one, two) == ("ana@example.com", "ben@example.com")


@pytest.mark.parametrize(
    "subject",
    ["Lunch", "Ünïcode שלום 🎉 " * 20 + "end", "x" * 900, "=?utf-8?q?raw?=", "שלום", "", "🎉" * 60],
    ids=range(7),
)
def test_subjects_come_back_as_they_were(subject: str) -> None:
    assert parsed(letter(["a@example.com"], subject))["Subject"] == subject


def test_bodies_come_back_as_they_were() -> None:
    text = "Hi **Ana**,\n\n> quoted\n.\nFrom here\n" + "long " * 400 + "\nשלום 🎉\n\ttab"
    content = parsed(letter(["a@example.com"], body=text)).get_content()
    assert content.replace("\r\n", "\n").rstrip("\n") == text
    assert body_of("a\r\nb\rc") == "a\nb\nc"


def test_hosts_in_other_letters_are_written_as_dns_has_them() -> None:
    assert address("Jörg <j@Bücher.example>", "to").addr_spec == "j@xn--bcher-kva.example"
    for host in ("straße.example", "foo..example", "-a.example", "example", "ex ample.com", "a" * 64 + ".de"):
        with pytest.raises(Refusal):
            address(f"a@{host}", "to")


BAD = [
    "ana@example.com\r\nBcc: eve@example.com", "Ana\nBcc: eve@example.com <ana@example.com>",
    "ana@example.com\x00", "ana@example.com\u2028Bcc: e@example.com", "ana@example.com, eve@example.com",
    "ana@example.com;eve@example.com", "Ana <ana@example.com", "Ana <<ana@example.com>>", "ana", "",
    "@example.com", "\ud800@example.com", "a b@example.com", "änä@example.com", "a@example.com>\r\n",
    '"a\r\nb"@example.com', "x" * 401, "a" * 65 + "@example.com", ".a@example.com",
    "Ana <ana@example.com> <eve@example.com>",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_what_is_no_address_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        recipients(["good@example.com"], [text], [])
    assert refused.value.code == "invalid_argument"
    assert "`cc[0]`" in refused.value.sentence
    assert "eve@" not in refused.value.sentence


def test_subjects_and_bodies_with_control_characters_are_refused() -> None:
    for subject in ("Hi\r\nBcc: eve@example.com", "Hi\nthere", "a\x0bb", "a\u2029b", "\ud800", "x" * 901):
        with pytest.raises(Refusal):
            subject_of(subject)
    for body in ("a\x00b", "\x1b[31m", "\ud800"):
        with pytest.raises(Refusal):
            body_of(body)


def test_everybody_once_and_five_hundred_at_most() -> None:
    found = recipients(["Ana <ana@example.com>", "ben@example.com"], ["ANA@example.com", "c@example.com"], [])
    assert [each.addr_spec for each in found.cc] == ["c@example.com"]
    many = [f"p{number}@example.com" for number in range(501)]
    assert recipients(many[:500], [], [])
    with pytest.raises(Refusal, match="invalid_argument") as refused:
        recipients(many[:200], many[200:400], many[400:])
    assert "500" in refused.value.sentence


def test_direction_marks_are_taken_out_of_names() -> None:
    assert address("Ana\u202e nab <ana@example.com>", "to").display_name == "Ana nab"


LONG = f"<{'m' * 300}@host.example>"


def test_ids_stand_whole_and_in_order() -> None:
    before = ("<1@host.example>", f"<{'q' * 200}@host.example>")
    raw = bytes(letter(["a@example.com"], answers=Answers("t1", LONG, before)))
    head = raw.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").decode("ascii")
    lines = dict(line.split(": ", 1) for line in head.split("\r\n"))
    assert lines["In-Reply-To"] == LONG
    assert lines["References"].split() == [*before, LONG]
    assert lines["Message-ID"].endswith("@valet.invalid>")
    assert not {"From", "Sender", "Date"} & lines.keys()


def message(**headers: str) -> Message:
    rows = [{"name": name.replace("_", "-"), "value": value} for name, value in headers.items()]
    return Message.model_validate({"id": "m", "threadId": "t", "payload": {"headers": rows}})


def test_what_a_reply_names_is_taken_only_where_it_is_an_id() -> None:
    whole = answered(message(Message_ID="<b@x>", References="<a@x>\r\n <b@x> <a@x>"))
    assert whole == Answers("t", "<b@x>", ("<a@x>",))
    assert answered(message(Message_ID="<b@x>", In_Reply_To="<a@x>")).before == ("<a@x>",)
    wild = answered(
        message(Message_ID="<b\r\nBcc: eve@example.com>", References="evil\r\nTo: e@x.com <ok@x>")
    )
    assert wild == Answers("t", "", ("<ok@x>",))
    long = answered(message(Message_ID="<z@x>", References=" ".join(f"<{n}@x>" for n in range(200))))
    assert len(long.before) == 30
    assert (long.before[0], long.before[-1]) == ("<0@x>", "<199@x>")


def test_files_that_go_along() -> None:
    files = [
        Enclosed("Bericht ü.pdf", "application/pdf", b"%PDF"),
        Enclosed("mail.eml", "message/rfc822", b"From: a\r\n\r\nhi"),
        Enclosed("x", 'text/html; x="\r\nBcc: e@x.com', b"<b>"),
    ]
    mail = parsed(letter(["a@example.com"], enclosed=files))
    parts = list(mail.iter_attachments())
    assert [part.get_filename() for part in parts] == ["Bericht ü.pdf", "mail.eml", "x"]
    kinds = [part.get_content_type() for part in parts]
    assert kinds == ["application/pdf", "application/octet-stream", "application/octet-stream"]
    assert [part.get_payload(decode=True) for part in parts] == [b"%PDF", b"From: a\r\n\r\nhi", b"<b>"]
    assert mail["Bcc"] is None
    assert "%PDF" not in repr(files) + repr(letter(["a@example.com"], enclosed=files))
