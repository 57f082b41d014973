"""gmail_list_labels, gmail_modify_labels, gmail_trash_thread: what changes, and how it is put back."""

from __future__ import annotations

from typing import Any

from tests.mcp_server.desk import code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.mailbox import UPSTREAM, arrives, asked, chat, letter, mail, mails, size, told
from tests.mcp_server.pages import turned


def labels(hall: Hall, account: str = "ana") -> dict[str, list[str]]:
    """The labels of each mail as they truly are."""
    return {row["id"]: sorted(row["labels"]) for row in mails(hall, account)}


async def undone(client: Any, answer: dict[str, Any]) -> None:
    for step in answer["undo"]:
        await asked(client, step["tool"], **step["arguments"])


async def test_labels_the_own_ones_first(hall: Hall) -> None:
    async with hall.chat("ana", provider="google", scopes=("gmail:read",)) as client:
        result = await client.call_tool("gmail_list_labels", {})
    found = result.structured_content
    assert [row["name"] for row in found["labels"]][:5] == [
        "Family", "Newsletters", "Receipts", "Travel", "Travel/Porto 2027",
    ]  # fmt: skip
    assert {row["name"] for row in found["labels"] if row["type"] == "system"} >= {"INBOX", "TRASH", "UNREAD"}
    assert found["total"] == len(found["labels"])
    assert "“Family”, user, id Label_" in text_of(result)


async def test_very_many_labels_in_pages(hall: Hall) -> None:
    rows = [
        {"id": f"Label_{number}", "name": 'ж\\"' * 70 + str(number), "type": "user"} for number in range(300)
    ]
    hall.judge.bend = lambda answer: {"labels": rows} if "labels" in answer else answer
    async with chat(hall) as client:
        first = await client.call_tool("gmail_list_labels", {})
        assert size(first) <= 30_000
        seen = await turned(client, "gmail_list_labels", {}, "labels")
        end = await client.call_tool("gmail_list_labels", {"cursor": "o9999"})
        assert code_of(await client.call_tool("gmail_list_labels", {"cursor": "o0"})) == "invalid_argument"
    assert sorted(row["id"] for row in seen) == sorted(row["id"] for row in rows)
    assert end.structured_content["labels"] == []


async def test_conversations_are_labelled_by_name_and_put_back_exactly(hall: Hall) -> None:
    lunch, school = mail(hall, "Lunch on Sunday?")["thread"], mail(hall, "teatro do Tomás")["thread"]
    before = labels(hall)
    async with chat(hall) as client:
        change = {
            "thread_ids": [lunch, school, lunch],
            "add": ["family", "STARRED"],
            "remove": ["inbox", "UNREAD"],
        }
        result = await client.call_tool("gmail_modify_labels", change)
        found = result.structured_content
        after = labels(hall)
        assert (found["added"], found["removed"]) == (["Family", "STARRED"], ["INBOX", "UNREAD"])
        assert (found["changed"], found["of"]) == (4, 4)
        for row in mails(hall):
            if row["thread"] in {lunch, school}:
                assert {"Family", "STARRED"} <= set(row["labels"])
                assert not {"INBOX", "UNREAD"} & set(row["labels"])
        again = await asked(client, "gmail_modify_labels", **change)
        assert (again["changed"], again["undo"], labels(hall)) == (0, [], after)
        await undone(client, found)
    assert labels(hall) == before
    assert text_of(result).startswith(
        "Added “Family” and “STARRED”; Removed “INBOX” and “UNREAD”: changed 4 of 4"
    )


async def test_single_messages(hall: Hall) -> None:
    first = next(row for row in reversed(mails(hall)) if "Lunch on Sunday?" in row["subject"])
    before = labels(hall)
    async with chat(hall) as client:
        found = await asked(client, "gmail_modify_labels", message_ids=[first["id"]], add=["Receipts"])
        changed = {id_ for id_, now in labels(hall).items() if now != before[id_]}
        assert changed == {first["id"]}
        await undone(client, found)
        assert labels(hall) == before
    assert not [line for line in hall.sent() if "threads" in line]


async def test_a_missing_label_is_made_only_where_that_is_asked_for(hall: Hall) -> None:
    lunch = mail(hall, "Lunch on Sunday?")["thread"]
    change = {"thread_ids": [lunch], "add": ["Friends/🍰 & Söhne", "Family"]}
    before = labels(hall)
    async with chat(hall) as client:
        refused = await client.call_tool("gmail_modify_labels", change)
        assert code_of(refused) == "not_found"
        assert "no label “Friends/🍰 & Söhne”" in text_of(refused)
        assert labels(hall) == before
        found = await asked(client, "gmail_modify_labels", **change, create_missing=True)
        assert found["created"] == ["Friends/🍰 & Söhne"]
        assert set(found["added"]) == {"Family", "Friends/🍰 & Söhne"}
        assert "Friends/🍰 & Söhne" in mail(hall, "Lunch on Sunday?")["labels"]
        await undone(client, found)
        assert labels(hall) == before
        for wrong in ({"add": ["a\r\nb"]}, {"add": ["Inbox/x" * 40]}):
            result = await client.call_tool(
                "gmail_modify_labels", {"thread_ids": [lunch], "create_missing": True, **wrong}
            )
            assert code_of(result) == "invalid_argument"
        hall.fault("POST gmail.googleapis.com/gmail/v1/users/*/labels*", status=409)
        taken = {"thread_ids": [lunch], "add": ["taken"], "create_missing": True}
        assert code_of(await client.call_tool("gmail_modify_labels", taken)) == "conflict"
    assert labels(hall) == before


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"add": ["STARRED"]}, "either `thread_ids` or `message_ids`"),
    ({"thread_ids": ["1"], "message_ids": ["1"], "add": ["STARRED"]}, "either"),
    ({"thread_ids": ["@"]}, "give `add` or `remove`"),
    ({"thread_ids": ["@"], "add": ["STARRED"], "remove": ["starred"]}, "stands in `add` and in `remove`"),
    ({"thread_ids": ["@"], "add": ["SENT"]}, "nobody can add"),
    ({"thread_ids": ["@"], "add": ["Trash"]}, "gmail_trash_thread"),
    ({"thread_ids": ["@", "123456789abcdef0"], "add": ["STARRED"]}, "nothing under that id"),
    ({"message_ids": ["123456789abcdef0"], "add": ["STARRED"]}, "nothing under that id"),
]


async def test_a_label_that_another_call_makes_meanwhile_is_taken(hall: Hall) -> None:
    lunch = mail(hall, "Lunch on Sunday?")["thread"]
    asks = {"thread_ids": [lunch], "add": ["Both"], "create_missing": True}
    async with chat(hall) as client:
        one = await asked(client, "gmail_modify_labels", **asks)
        await undone(client, one)

        def older(answer: Any) -> Any:  # what the list was when both looked
            hall.judge.bend = None
            return {"labels": [row for row in answer["labels"] if row["name"] != "Both"]}

        hall.judge.bend = older
        other = await asked(client, "gmail_modify_labels", **asks)
        assert (other["added"], other["changed"]) == (["Both"], 3)
        every = await asked(client, "gmail_list_labels")
    assert [row["name"] for row in every["labels"]].count("Both") == 1


async def test_what_can_not_be_meant_changes_nothing(hall: Hall) -> None:
    lunch, before = mail(hall, "Lunch on Sunday?")["thread"], labels(hall)
    async with chat(hall) as client:
        for change, says in IMPOSSIBLE:
            threads = [lunch if each == "@" else each for each in change.get("thread_ids", [])]
            meant = {**change, "thread_ids": threads} if threads else change
            result = await client.call_tool("gmail_modify_labels", meant)
            assert code_of(result) in {"invalid_argument", "not_found"}, change
            assert says in text_of(result)
    assert labels(hall) == before


async def test_what_breaks_off_in_the_middle_is_told_and_can_be_undone(hall: Hall) -> None:
    threads = list(dict.fromkeys(row["thread"] for row in mails(hall)))[:8]
    before = labels(hall)
    hall.fault("POST gmail.googleapis.com/gmail/v1/users/*/threads/*/modify", status=500, skip=2, times=None)
    async with chat(hall) as client:
        result = await client.call_tool("gmail_modify_labels", {"thread_ids": threads, "add": ["Receipts"]})
        found = result.structured_content
        hall.emulator.clear_faults()
        assert 0 < len(found["not_done"]) < len(threads)
        done = {row["thread"] for row in mails(hall) if labels(hall)[row["id"]] != before[row["id"]]}
        assert done == set(threads) - set(found["not_done"])
        await undone(client, found)
        assert labels(hall) == before
        assert "repeat the call" in text_of(result)
        hall.fault("POST gmail.googleapis.com/gmail/v1/users/*/threads/*/modify", status=500, times=None)
        nothing = await client.call_tool("gmail_modify_labels", {"thread_ids": threads, "add": ["Family"]})
        assert code_of(nothing) == "provider_error"


async def test_a_great_change_and_its_undo_fit_an_answer(hall: Hall) -> None:
    ids = [arrives(hall, letter("x", subject=f"Heap {number}"))["id"] for number in range(60)]
    before = labels(hall)
    async with chat(hall) as client:
        result = await client.call_tool("gmail_modify_labels", {"message_ids": ids, "add": ["Family"]})
        assert size(result) <= 30_000
        await undone(client, result.structured_content)
    assert labels(hall) == before


async def test_into_the_trash_and_back(hall: Hall) -> None:
    lunch, before = mail(hall, "Lunch on Sunday?")["thread"], labels(hall)
    async with chat(hall) as client:
        result = await client.call_tool("gmail_trash_thread", {"thread_id": lunch})
        found = result.structured_content
        assert all("TRASH" in row["labels"] for row in mails(hall) if row["thread"] == lunch)
        assert (found["in_trash"], found["messages"], found["subject"]) == (True, 3, "Lunch on Sunday?")
        assert found["undo"][0] == {
            "tool": "gmail_trash_thread",
            "arguments": {"thread_id": lunch, "undo": True},
        }
        await undone(client, found)
        assert labels(hall) == before
        back = await asked(client, "gmail_trash_thread", thread_id=lunch, undo=True)
        assert (back["in_trash"], labels(hall)) == (False, before)
        assert (back["changed"], back["undo"]) == (False, [])
        await asked(client, "gmail_trash_thread", thread_id=lunch)
        once = labels(hall)
        again = await asked(client, "gmail_trash_thread", thread_id=lunch)
        assert (again["in_trash"], again["changed"], again["undo"]) == (True, False, [])
        assert labels(hall) == once
        missing = await client.call_tool("gmail_trash_thread", {"thread_id": "123456789abcdef0"})
        assert code_of(missing) == "not_found"
    assert "Gmail deletes it there after 30 days" in text_of(result)
    assert "DELETE" not in "".join(hall.sent())


async def test_what_the_trash_took_out_of_the_inbox_goes_back_into_it(hall: Hall) -> None:
    """Gmail keeps INBOX beside TRASH; where it does not, undoing puts it back."""
    lunch, before = mail(hall, "Lunch on Sunday?")["thread"], labels(hall)
    async with chat(hall) as client:
        hall.judge.bend = lambda answer: (
            without_inbox(answer) if hall.sent()[-1].startswith("POST") else answer
        )
        found = await asked(client, "gmail_trash_thread", thread_id=lunch)
        hall.judge.bend = None
        inbox = [row["id"] for row in mails(hall) if row["thread"] == lunch and "INBOX" in row["labels"]]
        for id_ in inbox:
            await asked(client, "gmail_modify_labels", message_ids=[id_], remove=["INBOX"])
        assert [step["tool"] for step in found["undo"]] == ["gmail_trash_thread", "gmail_modify_labels"]
        await undone(client, found)
    assert labels(hall) == before


def without_inbox(answer: Any) -> Any:
    rows = [
        {**row, "labelIds": [each for each in row["labelIds"] if each != "INBOX"]}
        for row in answer["messages"]
    ]
    return {**answer, "messages": rows}


async def test_undo_stays_in_the_account(hall: Hall) -> None:
    who = await hall.resident("ana", provider="google")
    await hall.connect(who, "ana-work", provider="google", upstream=UPSTREAM, label="work")
    solar = mail(hall, "Hotel Solar", "ana-work")["thread"]
    async with hall.chat(who) as client:
        found = await asked(client, "gmail_trash_thread", thread_id=solar, account="work")
        assert found["undo"][0]["arguments"]["account"] == "work"
        said = await told(client, "gmail_modify_labels", thread_ids=[solar], remove=["TRASH"], account="work")
    assert "gmail_trash_thread" in said
