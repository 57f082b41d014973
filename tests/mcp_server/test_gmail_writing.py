"""gmail_create_draft, gmail_list_drafts, gmail_send_draft, gmail_send_message: what goes out, and to whom."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_server.tools.google.gmail.letter import encoded
from providers.google.services import GMAIL_COMPOSE
from tests.mcp_server.desk import GOOGLE_UPSTREAM, code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.mailbox import UPSTREAM, arrives, asked, chat, letter, mail, mails, size
from tests.mcp_server.pages import turned

BEN, EMIL = "ben.okafor@gmail.com", "emil@duarte-atelier.example"
SEND = "POST gmail.googleapis.com/gmail/v1/users/*/messages/send"
SEND_DRAFT = "POST gmail.googleapis.com/gmail/v1/users/*/drafts/send"
SUBJECT = "שלום 🎉 مرحبا, Grüße & =?co?="


def sent(hall: Hall, account: str = "ana") -> list[dict[str, Any]]:
    return [row for row in mails(hall, account) if "SENT" in row["labels"]]


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_draft_is_written_listed_and_sent(hall: Hall, mode: str) -> None:
    async with chat(hall, mode=mode) as client:
        written = await client.call_tool(
            "gmail_create_draft",
            {
                "to": [f"Bén אוקפור 🎻 <{BEN}>", BEN.upper()],
                "cc": [f'"Nowak, Emil" <{EMIL}>'],
                "bcc": ["hidden@bücher.example"],
                "subject": SUBJECT,
                "body": "Hi **Ben**,\n\nשלום\n> quoted\n.\n",
            },
        )
        draft = written.structured_content
        assert (draft["to"], draft["cc"], draft["bcc"]) == ([BEN], [EMIL], ["hidden@xn--bcher-kva.example"])
        assert "Nothing was sent." in text_of(written)
        truly = mail(hall, SUBJECT)
        assert (truly["draft"], truly["subject"]) == (draft["draft_id"], SUBJECT)
        assert truly["bcc"] == ["hidden@xn--bcher-kva.example"]
        listed = await asked(client, "gmail_list_drafts", query="in:draft", limit=25)
        [row] = [row for row in listed["drafts"] if row["draft_id"] == draft["draft_id"]]
        assert (row["to"], row["subject"]) == ([BEN, EMIL, "hidden@xn--bcher-kva.example"], SUBJECT)
        assert row["date"].endswith("+00:00")
        assert row["snippet"].startswith("Hi **Ben**, שלום")
        before = len(sent(hall))
        gone = await client.call_tool("gmail_send_draft", {"draft_id": draft["draft_id"]})
        assert not gone.is_error, text_of(gone)
        after = await asked(client, "gmail_list_drafts")
        assert draft["draft_id"] not in [row["draft_id"] for row in after["drafts"]]
        again = await client.call_tool("gmail_send_draft", {"draft_id": draft["draft_id"]})
        assert code_of(again) == "not_found"
    assert len(sent(hall)) == before + 1
    out = mail(hall, SUBJECT)
    assert (out["id"], out["thread"]) == (
        gone.structured_content["message_id"],
        gone.structured_content["thread_id"],
    )
    for account in ("ben", "ana-work"):
        there = [row for row in mails(hall, account) if row["subject"] == SUBJECT]
        assert [(row["subject"], row["bcc"]) for row in there] == (
            [(SUBJECT, [])] if account == "ben" else []
        )
    arrived = mail(hall, SUBJECT, "ben")
    assert arrived["from"] == ["ana.duarte@gmail.com"]
    assert arrived["text"].replace("\r\n", "\n") == "Hi **Ben**,\n\nשלום\n> quoted\n.\n"
    assert mail(hall, SUBJECT, "emil")["cc"] == [EMIL]


async def test_mail_is_sent_at_once_and_read_by_its_receiver(hall: Hall) -> None:
    """With what connecting asks for, and no more."""
    async with hall.chat("ana", provider="google") as client:
        result = await client.call_tool(
            "gmail_send_message", {"to": [BEN], "subject": SUBJECT, "body": "At six 🍰"}
        )
    found = result.structured_content
    assert found["message_id"] == mail(hall, SUBJECT)["id"]
    assert f"message id {found['message_id']}" in text_of(result)
    async with chat(hall, "ben") as client:
        hit = (await asked(client, "gmail_search_threads", query="from:ana.duarte in:inbox", limit=1))[
            "threads"
        ][0]
        read = await asked(client, "gmail_get_thread", thread_id=hit["thread_id"])
    assert (hit["subject"], hit["sender"]["address"]) == (SUBJECT, "ana.duarte@gmail.com")
    assert read["messages"][0]["text"] == "At six 🍰"


async def test_a_reply_stays_in_its_conversation_everywhere(hall: Hall) -> None:
    lunch = mail(hall, "Lunch on Sunday?")
    async with chat(hall) as client:
        written = await asked(
            client, "gmail_create_draft", reply_to_message_id=lunch["id"], body="Till then!"
        )
        assert written["to"] == [BEN]
        assert written["subject"] == "Re: Lunch on Sunday?"
        assert written["thread_id"] == lunch["thread"]
        done = await asked(client, "gmail_send_draft", draft_id=written["draft_id"])
        # The person's own mail goes on to whom it went, and to whom else is named.
        other = await asked(
            client, "gmail_send_message", reply_to_message_id=done["message_id"], cc=[EMIL], body="P.S.",
            subject="lunch on  sunday?",
        )  # fmt: skip
        assert (other["to"], other["cc"], other["subject"]) == ([BEN], [EMIL], "Re: Lunch on Sunday?")
        assert other["thread_id"] == lunch["thread"]
    bens = mail(hall, "Lunch on Sunday?", "ben")
    assert bens["text"].strip() == "P.S."
    threads = {row["thread"] for row in mails(hall, "ben") if "Lunch on Sunday?" in row["subject"]}
    assert len(threads) == 1
    assert len([row for row in mails(hall, "ben") if row["thread"] == bens["thread"]]) == 5


async def test_whom_a_reply_goes_to(hall: Hall) -> None:
    raw = letter("x", Reply_To="=?utf-8?q?B=C3=A9a?= <list@example.com>, nobody at all", subject="Odd\tone")
    odd = arrives(hall, raw)
    wide = arrives(hall, letter("x", From="", subject=""))
    async with chat(hall) as client:
        to_list = await asked(client, "gmail_create_draft", reply_to_message_id=odd["id"], body="y")
        assert (to_list["to"], to_list["subject"]) == (["list@example.com"], "Re: Odd one")
        given = await asked(
            client, "gmail_create_draft", reply_to_message_id=odd["id"], to=["a@example.com"], body="y"
        )
        assert given["to"] == ["a@example.com"]
        nobody = await client.call_tool(
            "gmail_create_draft", {"reply_to_message_id": wide["id"], "body": "y"}
        )
        assert code_of(nobody) == "invalid_argument"
        assert "Say in `to`" in text_of(nobody)
        other = await client.call_tool(
            "gmail_create_draft", {"reply_to_message_id": odd["id"], "subject": "Else", "body": "y"}
        )
        assert code_of(other) == "invalid_argument"
        assert "keeps the subject" in text_of(other)
        bens = mail(hall, "Book club: Milkman", "ben")["id"]
        for tool in ("gmail_create_draft", "gmail_send_message"):
            foreign = await client.call_tool(tool, {"reply_to_message_id": bens, "body": "y"})
            assert code_of(foreign) == "not_found"
    only = GOOGLE_UPSTREAM | {GMAIL_COMPOSE}
    async with chat(hall, upstream=only) as client:
        unread = await client.call_tool("gmail_create_draft", {"reply_to_message_id": odd["id"], "body": "y"})
        assert code_of(unread) == "scope_missing"
        assert "read all of your mail" in text_of(unread)
        assert unread.meta["valet/connect"]["url"] in text_of(unread)


async def test_a_reply_keeps_the_subject_letter_by_letter(hall: Hall) -> None:
    """Another subject would be another conversation; and a colon within one is no `Re:`."""
    async with chat(hall) as client:
        for at, subject in enumerate(
            ("Share: 👨\u200d👩\u200d👧 \u200fשלום", "AW: RE[2]: Übergabe", "Re:", "tr\u00e8s")
        ):
            there = arrives(hall, letter("x", subject=encoded(subject), Message_ID=f"<{at}@example.com>"))
            asks = {"reply_to_message_id": there["id"], "body": "y", "to": [BEN]}
            found = await asked(client, "gmail_send_message", **asks)
            assert found["thread_id"] == there["thread"], subject
            assert found["subject"] in {f"Re: {subject}", subject}
            same = await asked(client, "gmail_create_draft", **asks, subject=subject)
            assert same["thread_id"] == there["thread"]
            other = await client.call_tool("gmail_create_draft", {**asks, "subject": f"{subject} 2"})
            assert code_of(other) == "invalid_argument", subject


INJECTED = "x\r\nBcc: eve@example.com"
INJECTIONS = [
    {"to": [f"{INJECTED} <ben@example.com>"]}, {"to": ["ben@example.com\r\nBcc: eve@example.com"]},
    {"cc": [f"{INJECTED}"]}, {"bcc": ["ben@example.com\n"]}, {"subject": INJECTED}, {"subject": "a\u2028b"},
    {"to": ["ben@example.com, eve@example.com"]}, {"to": [""]}, {"to": []}, {"body": "\x00"},
    {"from": "eve@example.com"}, {"sender": "eve@example.com"}, {"subject": "x" * 901},
    {"to": [f"p{number}@example.com" for number in range(200)],
     "cc": [f"q{number}@example.com" for number in range(200)],
     "bcc": [f"r{number}@example.com" for number in range(101)]},
]  # fmt: skip


async def test_what_may_not_stand_in_a_header_is_refused_and_nothing_leaves(hall: Hall) -> None:
    fine = {"to": ["ben@example.com"], "subject": "Tea", "body": "At five"}
    async with chat(hall) as client:
        for tool in ("gmail_create_draft", "gmail_send_message"):
            for wrong in INJECTIONS:
                result = await client.call_tool(tool, {**fine, **wrong})
                assert code_of(result) == "invalid_argument", (tool, wrong)
                assert "eve@" not in text_of(result)
                assert next(iter(wrong)) in text_of(result) or "500" in text_of(result)
            for files in (["x"], ["a/b\r\nc"], ["upload\r\n"], ["a" * 501]):
                wild = {**fine, "attachments": files}
                assert code_of(await client.call_tool("gmail_create_draft", wild)) == "invalid_argument", (
                    files
                )
        strange = await client.call_tool(
            "gmail_create_draft", {**fine, "reply_to_message_id": "x\r\nBcc: eve@example.com"}
        )
        assert code_of(strange) == "invalid_argument"
    assert not [line for line in hall.sent() if line.startswith("POST")]


async def test_files_go_along(hall: Hall) -> None:
    invoice = next(row for row in mails(hall) if row["subject"] == "Fatura 2026/1187")
    school = mail(hall, "teatro do Tomás")
    async with chat(hall) as client:
        result = await client.call_tool(
            "gmail_create_draft",
            {
                "to": [BEN],
                "subject": "Papers",
                "body": "Here.",
                "attachments": [f"{invoice['id']}/1", f"{school['id']}/convite-🎭.png", "upload", "upload"],
            },
        )
        assert not result.is_error, text_of(result)
        found = result.structured_content
        assert found["attached"] == ["fatura-2026-1187.pdf", "convite-🎭.png"]
        links = [str(block.uri) for block in result.content if block.type == "resource_link"]
        assert links == [each["url"] for each in found["upload"]]
        assert len(set(links)) == 2
        await asked(client, "gmail_send_draft", draft_id=found["draft_id"])
        missing = {"to": [BEN], "body": "x", "attachments": [f"{invoice['id']}/nothing.pdf"]}
        assert code_of(await client.call_tool("gmail_create_draft", missing)) == "not_found"
    arrived = mail(hall, "Papers", "ben")
    assert arrived["files"] == ["fatura-2026-1187.pdf", "convite-🎭.png"]
    async with chat(hall, "ben") as client:
        read = await asked(
            client, "gmail_get_attachment", message_id=arrived["id"], attachment_id="fatura-2026-1187.pdf"
        )
    assert "Total 145.00 EUR" in read["text"]


async def test_a_large_file_is_uploaded_as_it_is_and_too_much_is_refused(hall: Hall) -> None:
    raw = (
        "From: Eve <eve@example.com>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: application/zip; name="heavy.zip"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    )
    heavy = arrives(hall, raw + ("QUJD" * 18 + "\r\n") * 60_000)
    async with chat(hall) as client:
        await asked(
            client,
            "gmail_create_draft",
            to=[BEN],
            subject="Large",
            body="x",
            attachments=[f"{heavy['id']}/root"],
        )
        [line] = [line for line in hall.sent() if line.startswith("POST")]
        assert "/upload/gmail/v1/users/me/drafts?uploadType=multipart" in line
        assert mail(hall, "Large")["files"] == ["heavy.zip"]
        before = len(hall.sent())
        much = [f"{heavy['id']}/heavy.zip"] * 9
        refused = await client.call_tool(
            "gmail_create_draft", {"to": [BEN], "body": "x", "attachments": much}
        )
        assert code_of(refused) == "invalid_argument"
        assert "25 MB" in text_of(refused)
    assert not [line for line in hall.sent()[before:] if "/attachments/" in line]


async def test_drafts_to_the_end_and_none(hall: Hall) -> None:
    async with chat(hall) as client:
        for number in range(7):
            await asked(client, "gmail_create_draft", to=[BEN], subject=f"Note {number}", body="x")
        truly = {row["draft"] for row in mails(hall) if row["draft"]}
        for limit in (2, 25):
            rows = await turned(client, "gmail_list_drafts", {"limit": limit}, "drafts")
            assert sorted(row["draft_id"] for row in rows) == sorted(truly)
        one = await asked(client, "gmail_list_drafts", query="subject:cake")
        assert [row["subject"] for row in one["drafts"]] == ["Recipe for the big cake"]
        assert size(await client.call_tool("gmail_list_drafts", {"limit": 25})) <= 30_000
        nobody = await client.call_tool("gmail_send_draft", {"draft_id": one["drafts"][0]["draft_id"]})
        assert code_of(nobody) == "invalid_argument"
        assert "names nobody" in text_of(nobody)
    async with chat(hall, "cleo") as client:
        empty = await client.call_tool("gmail_list_drafts", {})
    assert empty.structured_content["drafts"] == []


async def test_a_lost_answer_is_looked_for_and_told_as_it_is(hall: Hall) -> None:
    mine = {"to": [BEN], "subject": "Once", "body": "x"}
    async with chat(hall) as client:
        hall.fault(SEND, kind="lost")
        found = await asked(client, "gmail_send_message", **mine)
        assert found["message_id"] == mail(hall, "Once")["id"]
        hall.fault(SEND, kind="reset")
        unclear = await client.call_tool("gmail_send_message", {**mine, "subject": "Never"})
        assert code_of(unclear) == "provider_error"
        assert "nobody knows whether the mail was sent" in text_of(unclear)
        hall.fault(SEND, status=500)
        refused = await client.call_tool("gmail_send_message", {**mine, "subject": "Never"})
        assert "Nothing was changed" in text_of(refused)
    async with hall.chat("ana", provider="google") as client:  # may not read, so can't look
        hall.fault(SEND, kind="lost")
        blind = await client.call_tool("gmail_send_message", {**mine, "subject": "Twice"})
        assert "nobody knows whether the mail was sent" in text_of(blind)
    subjects = [row["subject"] for row in sent(hall)]
    assert [subjects.count(each) for each in ("Once", "Never", "Twice")] == [1, 0, 1]


async def test_a_draft_whose_sending_was_not_answered(hall: Hall) -> None:
    async with chat(hall) as client:
        draft = await asked(client, "gmail_create_draft", to=[BEN], subject="Once", body="x")
        hall.fault(SEND_DRAFT, kind="reset")
        still = await client.call_tool("gmail_send_draft", {"draft_id": draft["draft_id"]})
        assert "It may have happened all the same" in text_of(still)
        assert mail(hall, "Once")["draft"] == draft["draft_id"]
        hall.fault(SEND_DRAFT, kind="lost")
        gone = await client.call_tool("gmail_send_draft", {"draft_id": draft["draft_id"]})
    assert "message_id" not in gone.structured_content
    assert "answer was lost" in text_of(gone)
    assert [row["subject"] for row in sent(hall)].count("Once") == 1


async def test_who_wants_to_be_asked_is_asked(hall: Hall) -> None:
    who = await hall.resident("ana", provider="google", upstream=UPSTREAM)
    await hall.desk.approvals.switch(who.user_id, {"gmail"}, ())
    mine = {"to": [f"Ben <{BEN}>"], "cc": [EMIL], "subject": "Tea", "body": "At five?"}
    async with hall.chat(who) as client:
        invoice = next(row for row in mails(hall) if row["subject"] == "Fatura 2026/1187")
        files = [f"{invoice['id']}/1"]
        draft = await asked(client, "gmail_create_draft", **mine, attachments=files)
        for tool, arguments in (
            ("gmail_send_message", mine),
            ("gmail_send_draft", {"draft_id": draft["draft_id"]}),
        ):
            result = await client.call_tool(tool, arguments)
            assert code_of(result) == "approval_needed"
            shown = result.content[1].text
            for word in (BEN, EMIL, "Tea", "At five?"):
                assert word in shown, (tool, word)
            assert ("fatura-2026-1187.pdf" in shown) is (tool == "gmail_send_draft")
        many = {**mine, "bcc": [f"guest{n}@example.com" for n in range(11)]}
        asks = await client.call_tool("gmail_send_message", many)
        assert '"Bcc","11: guest0@example.com, guest1@example.com' in asks.content[1].text
        lunch = mail(hall, "Lunch on Sunday?")["thread"]
        binned = await client.call_tool("gmail_trash_thread", {"thread_id": lunch})
        assert code_of(binned) == "approval_needed"
        assert "Lunch on Sunday?" in binned.content[1].text
        assert '["Mails","' in binned.content[1].text
        assert "TRASH" not in mail(hall, "Lunch on Sunday?")["labels"]
    assert not [row for row in sent(hall) if row["subject"] == "Tea"]
