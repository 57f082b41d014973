"""gmail_search_threads, gmail_get_thread, gmail_get_attachment: finding mail, and reading it."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from providers.google.services import GMAIL_COMPOSE, GMAIL_MODIFY, GMAIL_READ
from tests.mcp_server.desk import GOOGLE_UPSTREAM, code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.mailbox import arrives, asked, chat, letter, mail, mails, size
from tests.mcp_server.pages import turned

CALLS: dict[str, dict[str, Any]] = {
    "gmail_search_threads": {"query": "lunch"},
    "gmail_get_thread": {"thread_id": "@thread"},
    "gmail_get_attachment": {"message_id": "@file", "attachment_id": "fatura-2026-1187.pdf"},
    "gmail_list_labels": {},
    "gmail_modify_labels": {"thread_ids": ["@thread"], "add": ["STARRED"]},
    "gmail_create_draft": {"to": ["ben@example.com"], "subject": "Tea", "body": "At five?"},
    "gmail_list_drafts": {},
    "gmail_send_draft": {"draft_id": "@draft"},
    "gmail_send_message": {"to": ["ben@example.com"], "subject": "Tea", "body": "At six?"},
    "gmail_trash_thread": {"thread_id": "@thread"},
}
"""A call of each tool; what begins with `@` stands for an id of ana's mail (`calls`)."""


def calls(hall: Hall) -> dict[str, dict[str, Any]]:
    drafts = [row["draft"] for row in mails(hall) if row["draft"] and row["to"]]
    ids = {
        "@thread": mail(hall, "Lunch on Sunday?")["thread"],
        "@file": next(row["id"] for row in mails(hall) if row["subject"] == "Fatura 2026/1187"),
        "@draft": drafts[0] if drafts else "r1",
    }
    return json.loads(re.sub(r"@(?:thread|file|draft)", lambda word: ids[word[0]], json.dumps(CALLS)))  # type: ignore[no-any-return]


def calls_table_has_ids(table: dict[str, dict[str, Any]]) -> bool:
    return '"@' in json.dumps(table)


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_the_latest_conversations(hall: Hall, mode: str) -> None:
    async with chat(hall, mode=mode) as client:
        result = await client.call_tool("gmail_search_threads", {"query": "in:inbox", "limit": 3})
    found = result.structured_content
    lunch, trap, autumn = found["threads"]
    assert lunch["subject"] == "Lunch on Sunday?"
    assert lunch["sender"] == {"name": "Ben Okafor", "address": "ben.okafor@gmail.com"}
    assert (lunch["messages"], lunch["unread"]) == (3, True)
    assert {"INBOX", "IMPORTANT", "SENT"} == set(lunch["labels"])
    assert lunch["snippet"].startswith("Half past one it is. Bring the big cake 🍰")
    assert lunch["link"] == f"https://mail.google.com/mail/#all/{lunch['thread_id']}"
    latest = datetime.fromtimestamp(mail(hall, "Lunch on Sunday?")["at"] / 1000, ZoneInfo("UTC"))
    assert datetime.fromisoformat(lunch["date"]) == latest
    assert found["time_zone"] == "UTC"
    assert "Newsletters" in autumn["labels"]
    assert "“Lunch on Sunday?”, 3 messages, unread, id" in text_of(result)
    assert "times in UTC:" in text_of(result)
    assert trap["sender"]["address"] == "it-support@secure-mailbox.example"


async def test_operators_and_labels_go_through(hall: Hall) -> None:
    async with chat(hall) as client:
        for arguments, subjects in (
            ({"query": "from:ben has:attachment"}, {"Porto: who owes what", "Fwd: Fatura 2026/1187"}),
            ({"query": 'subject:"security alert"'}, {"Security alert"}),
            ({"query": "in:spam"}, {"You have WON!!!"}),
            ({"label_ids": ["TRASH"]}, {"A sua inscrição termina"}),
            ({"label_ids": ["receipts"]}, {"Fatura 2026/1187"}),
            ({"label_ids": ["Travel/Porto 2027", "STARRED"]}, {"O seu bilhete IC 530 Lisboa – Porto"}),
            ({"query": "from:layla"}, {"أمسية موسيقية 🎻 في لشبونة"}),
        ):
            found = await asked(client, "gmail_search_threads", **arguments)
            assert {row["subject"] for row in found["threads"]} == subjects, arguments
        empty = await client.call_tool("gmail_search_threads", {"query": "zebra"})
        missing = await client.call_tool("gmail_search_threads", {"label_ids": ["No such label"]})
    assert empty.structured_content["threads"] == []
    assert text_of(empty) == "No more mail."
    assert code_of(missing) == "not_found"
    assert "“Family”" in text_of(missing)
    async with chat(hall, "cleo") as client:
        nothing = await asked(client, "gmail_search_threads")
    assert nothing["threads"] == []


async def test_a_search_to_its_end(hall: Hall) -> None:
    """Whatever the size of the pages, and where a page is too long for an answer, too."""
    for number in range(16):
        arrives(hall, letter("x", subject=f"One more {number}"))
    truly = list(
        dict.fromkeys(row["thread"] for row in mails(hall) if not {"SPAM", "TRASH"} & set(row["labels"]))
    )
    async with chat(hall) as client:
        for limit in (3, 25):
            rows = await turned(client, "gmail_search_threads", {"limit": limit}, "threads")
            assert sorted(row["thread_id"] for row in rows) == sorted(truly)
        hall.judge.trusting = True
        hall.judge.bend = blown
        rows = await turned(client, "gmail_search_threads", {"limit": 25}, "threads")
        assert [row["thread_id"] for row in rows] == list(dict.fromkeys(row["thread_id"] for row in rows))
        assert sorted(row["thread_id"] for row in rows) == sorted(truly)
        first = await client.call_tool("gmail_search_threads", {"limit": 25})
        cursor = first.structured_content["next_cursor"]
        assert size(first) <= 30_000
        assert len(first.structured_content["threads"]) < 25
        # Another limit in the middle of a page changes nothing of it.
        rest = await asked(client, "gmail_search_threads", limit=2, cursor=cursor)
        shown = {row["thread_id"] for row in first.structured_content["threads"]}
        assert not shown & {row["thread_id"] for row in rest["threads"]}
        for word in ("z7", cursor[:-3], "W251bGwsMV0"):
            refused = await client.call_tool("gmail_search_threads", {"cursor": word})
            assert code_of(refused) == "invalid_argument", word


def blown(answer: Any) -> Any:
    """Every text that a stranger writes as long and as dear as can be."""
    if isinstance(answer, list):
        return [blown(each) for each in answer]
    if not isinstance(answer, dict):
        return answer
    wide = {"snippet": '\\"🎻' * 300, "value": '\\"🎻ж' * 300}
    return {name: wide.get(name) or blown(value) for name, value in answer.items()}


async def test_a_conversation_that_is_gone_meanwhile_is_passed_over(hall: Hall) -> None:
    async with chat(hall) as client:
        before = await turned(client, "gmail_search_threads", {"limit": 5}, "threads")
        hall.fault("GET gmail.googleapis.com/gmail/v1/users/*/threads/*", status=404, skip=2)
        rows = await turned(client, "gmail_search_threads", {"limit": 5}, "threads")
    assert len(rows) == len(before) - 1


async def test_times_across_the_end_of_summer_time(hall: Hall) -> None:
    for number, moment in enumerate(("2026-10-25T00:30:00+00:00", "2026-10-25T01:30:00+00:00")):
        at = datetime.fromisoformat(moment).timestamp()
        arrives(hall, letter("x", subject=f"clock {number}", Date="Thu, 99 Foo 1870"), at=at)
    async with chat(hall) as client:
        found = await asked(client, "gmail_search_threads", query="clock", time_zone="Europe/Lisbon")
        thread = found["threads"][0]["thread_id"]
        read = await asked(client, "gmail_get_thread", thread_id=thread, time_zone="Europe/Lisbon")
        wrong = await client.call_tool("gmail_search_threads", {"time_zone": "Lisbon"})
    dates = [row["date"] for row in found["threads"]]
    assert dates == ["2026-10-25T01:30:00+00:00", "2026-10-25T01:30:00+01:00"]
    assert found["time_zone"] == read["time_zone"] == "Europe/Lisbon"
    assert read["messages"][0]["date"] == dates[0]
    assert code_of(wrong) == "invalid_argument"


async def test_a_conversation_as_plain_text(hall: Hall) -> None:
    thread = mail(hall, "Lunch on Sunday?")["thread"]
    async with chat(hall) as client:
        result = await client.call_tool("gmail_get_thread", {"thread_id": thread})
        full = await asked(client, "gmail_get_thread", thread_id=thread, format="full")
    found = result.structured_content
    first, second, third = found["messages"]
    assert (found["subject"], found["total"]) == ("Lunch on Sunday?", 3)
    assert first["text"].startswith("Lunch on Sunday at ours? Zoë cooks")
    assert "quoted_chars" not in first
    assert second["text"].startswith("Sunday is fine, half past one? I bring the cake.")
    assert "Zoë cooks" not in second["text"] + third["text"]
    assert second["flags"] == ["sent"]
    assert third["flags"] == ["unread"]
    assert third["quoted_chars"] > 50
    assert third["to"] == [{"name": "Ana Duarte", "address": "ana.duarte@gmail.com"}]
    assert "Zoë cooks" in full["messages"][2]["quoted"]
    assert full["messages"][2]["text"] == third["text"]
    # The words of others stand in the text, too, as data: for who reads no structured content.
    summary, texts = [block.text for block in result.content]
    assert [row["text"] for row in json.loads(texts)] == [row["text"] for row in found["messages"]]
    assert "Bring the big cake" not in summary
    assert "next_cursor" not in found


async def test_letters_of_the_world_and_wrong_charsets(hall: Hall) -> None:
    async with chat(hall) as client:
        for subject, sender, words in (
            ("陶芸教室のご案内", "窯元 はるか", "来週の火曜日"),
            ("أمسية موسيقية 🎻 في لشبونة", "ليلى حداد", "في الكولوسيو"),
            ("O seu bilhete IC 530", "CP Bilhetes", "O bilhete vai em anexo"),
        ):
            thread = next(row for row in mails(hall) if subject in row["subject"] and not row["draft"])[
                "thread"
            ]
            found = await asked(client, "gmail_get_thread", thread_id=thread)
            assert found["messages"][0]["sender"]["name"] == sender
            assert words in found["messages"][0]["text"]
            assert subject in found["subject"]


async def test_long_conversations_and_long_texts_by_cursor(hall: Hall) -> None:
    """Nothing is lost and nothing comes twice, whichever piece an answer ends in."""
    digest = mail(hall, "[potters] Digest")
    async with chat(hall) as client:
        for most in (1_000, 50_000):
            rows = await turned(
                client, "gmail_get_thread", {"thread_id": digest["thread"], "max_chars": most}, "messages"
            )
            text = "".join(row["text"] for row in rows)
            assert text.count("made all the difference in the last firing.") > 100
            assert [row.get("text_from", 0) for row in rows][:2] in ([0], [0, len(rows[0]["text"])])
        whole = text
        pieces = await turned(client, "gmail_get_thread", {"thread_id": digest["thread"]}, "messages")
        assert "".join(row["text"] for row in pieces) == whole
        first = await client.call_tool("gmail_get_thread", {"thread_id": digest["thread"]})
        assert size(first) <= 30_000
        cursor = first.structured_content["next_cursor"]
        other = mail(hall, "Lunch on Sunday?")["thread"]
        strange = await client.call_tool("gmail_get_thread", {"thread_id": other, "cursor": cursor})
        assert code_of(strange) == "conflict"
        for word in ("z7", "W251bGwsMV0"):
            refused = await client.call_tool("gmail_get_thread", {"thread_id": other, "cursor": word})
            assert code_of(refused) == "invalid_argument"


async def test_many_mails_by_cursor(hall: Hall) -> None:
    """Each comes once and whole, in order, with a mail that was deleted in between passed over."""
    first = arrives(hall, letter("number 0 " + "ж" * 900, Message_ID="<0@example.com>"))
    for at in range(1, 23):
        words = f"number {at} " + "ж" * 900
        arrives(hall, letter(words, Message_ID=f"<{at}@example.com>", References="<0@example.com>"))
    async with chat(hall) as client:
        rows = await turned(client, "gmail_get_thread", {"thread_id": first["thread"]}, "messages")
        texts = "".join(row["text"] for row in rows)
        assert re.findall(r"number (\d+) ", texts) == [str(at) for at in range(23)]
        assert texts.count("ж") == 23 * 900
        hall.fault("GET gmail.googleapis.com/gmail/v1/users/*/messages/*", status=404, skip=1)
        fewer = await asked(client, "gmail_get_thread", thread_id=first["thread"], max_chars=3_000)
    assert re.findall(r"number (\d+) ", "".join(row["text"] for row in fewer["messages"]))[0] == "0"
    assert fewer["total"] == 23


async def test_full_text_by_cursor_has_the_quoted_part_too(hall: Hall) -> None:
    quoted = "\n".join(f'> line {number} of what was written before, ж"\\' for number in range(600))
    there = arrives(hall, letter(f"My own words.\n\nOn Monday, Ana wrote:\n{quoted}\n", kind="text/plain"))
    async with chat(hall) as client:
        asks = {"thread_id": there["thread"], "format": "full", "max_chars": 3_000}
        rows = await turned(client, "gmail_get_thread", asks, "messages")
        largest = await client.call_tool("gmail_get_thread", {"thread_id": there["thread"], "format": "full"})
    assert size(largest) <= 30_000
    assert rows[0]["text"].startswith("My own words.")
    assert "".join(row["text"] for row in rows).count("My own words.") == 1
    everything = "".join(row.get("quoted", "") for row in rows)
    assert len(everything) == rows[0]["quoted_chars"]
    assert all(everything.count(f"line {number} of") == 1 for number in range(600))


async def test_attachments_as_text(hall: Hall) -> None:
    async with chat(hall) as client:
        for subject, name, words in (
            ("Fatura 2026/1187", "fatura-2026-1187.pdf", "Total 145.00 EUR"),
            ("Porto: who owes what", "porto-costs.xlsx", "Francesinhas"),
            ("Porto: who owes what", "porto-costs.csv", "Francesinhas"),
        ):
            there = next(row for row in mails(hall) if row["subject"] == subject)
            read = await asked(client, "gmail_get_thread", thread_id=there["thread"])
            [file] = [each for each in read["messages"][0]["attachments"] if each["name"] == name]
            by_id = await asked(
                client, "gmail_get_attachment", message_id=there["id"], attachment_id=file["id"]
            )
            by_name = await asked(
                client, "gmail_get_attachment", message_id=there["id"], attachment_id=name.upper()
            )
            assert words in by_id["text"]
            assert by_id == by_name
            assert (by_id["id"], by_id["size"]) == (file["id"], file["size"])
            assert "download" not in by_id
        inner = next(row for row in mails(hall) if row["subject"] == "Fwd: Fatura 2026/1187")
        read = await asked(client, "gmail_get_thread", thread_id=inner["thread"])
        assert [each["name"] for each in read["messages"][0]["attachments"]][1:] == ["fatura-2026-1187.pdf"]
        assert "consulta" not in read["messages"][0]["text"]


async def test_attachments_by_link_and_never_more_than_asked(hall: Hall) -> None:
    school = mail(hall, "teatro do Tomás")
    invoice = next(row for row in mails(hall) if row["subject"] == "Fatura 2026/1187")
    async with chat(hall) as client:
        picture = await client.call_tool(
            "gmail_get_attachment", {"message_id": school["id"], "attachment_id": "convite-🎭.png"}
        )
        before = len(hall.judge.calls)
        pdf = {"message_id": invoice["id"], "attachment_id": "fatura-2026-1187.pdf"}
        link = await client.call_tool("gmail_get_attachment", {**pdf, "max_bytes": 0})
        small = await asked(client, "gmail_get_attachment", **pdf, max_bytes=10)
        fetched = [line for line, _ in hall.judge.calls[before:] if "/attachments/" in line]
        beyond = await asked(client, "gmail_get_attachment", **pdf, offset=5_000)
        missing = await client.call_tool("gmail_get_attachment", {**pdf, "attachment_id": "other.pdf"})
        none = await client.call_tool(
            "gmail_get_attachment", {"message_id": mail(hall, "Parabéns")["id"], "attachment_id": "1"}
        )
    assert "text" not in picture.structured_content
    assert "no text can be read from a file of this type" in text_of_first(picture)
    [block] = [block for block in link.content if block.type == "resource_link"]
    assert block.name == "fatura-2026-1187.pdf"
    assert str(block.uri) == link.structured_content["download"]["url"]
    assert "why_no_text" not in link.structured_content
    assert "more than `max_bytes`" in small["why_no_text"]
    assert "url" in small["download"]
    assert fetched == []
    assert beyond["why_no_text"] == "there is no more text in it"
    assert code_of(missing) == code_of(none) == "not_found"
    assert "“fatura-2026-1187.pdf” (id 1)" in text_of(missing)


def text_of_first(result: Any) -> str:
    return str(result.content[0].text)


async def test_ids_of_nothing_and_of_other_people(hall: Hall) -> None:
    bens = mail(hall, "Book club: Milkman", "ben")
    async with chat(hall) as client:
        for tool, arguments in (
            ("gmail_get_thread", {"thread_id": bens["thread"]}),
            ("gmail_get_thread", {"thread_id": "123456789abcdef0"}),
            ("gmail_get_attachment", {"message_id": bens["id"], "attachment_id": "1"}),
        ):
            assert code_of(await client.call_tool(tool, arguments)) == "not_found", tool
        for wild in (
            "../../labels",
            "..",
            "",
            "a/b?c=d#e",
            "\ud800"[:0] + "x" * 200,
            "me\r\nHost: evil",
            "\u202e",
        ):
            result = await client.call_tool("gmail_get_thread", {"thread_id": wild})
            assert code_of(result) in {"invalid_argument", "not_found"}, wild


async def test_reading_is_asked_for_when_it_is_needed_first(hall: Hall) -> None:
    """Connecting asks for no restricted scope; the link asks for just the one that is missing."""
    needs = {
        "gmail_search_threads": GMAIL_READ,
        "gmail_get_thread": GMAIL_READ,
        "gmail_list_drafts": GMAIL_READ,
        "gmail_create_draft": GMAIL_COMPOSE,
        "gmail_send_draft": GMAIL_COMPOSE,
        "gmail_modify_labels": GMAIL_MODIFY,
        "gmail_trash_thread": GMAIL_MODIFY,
    }
    table = calls(hall)
    assert not calls_table_has_ids(table)
    async with hall.chat("ana", provider="google") as client:
        for tool, scope in needs.items():
            result = await client.call_tool(tool, table[tool])
            assert code_of(result) == "scope_missing", tool
            assert result.meta["valet/connect"]["url"] in text_of(result)
            assert scope not in GOOGLE_UPSTREAM
        assert hall.judge.calls == []
        allowed = await client.call_tool("gmail_list_labels", {})
        assert not allowed.is_error
