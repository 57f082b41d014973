"""Ask me first: a call that sends or deletes runs once its person has said yes to exactly that, and once."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from types import ModuleType
from typing import Any

import pytest
from mcp.client import Client
from mcp_types import ElicitRequestParams, ElicitResult

from tests.mcp_server import asktools
from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import MODERN, PUBLIC, Desk, Resident, chat, code_of, text_of
from vault.approvals import Preview
from vault.store.approvals import Decision

TOOLS: tuple[ModuleType, ...] = (asktools,)
ERAS = pytest.mark.parametrize("mode", [MODERN, "legacy"])
LINK = re.compile(re.escape(PUBLIC) + r"/approve\?h=([A-Za-z0-9_-]{43})")
SEND = {"to": "ben@example.com", "body": "See you on Monday"}


class Form:
    """The chat program's side of a form: what it is asked, and what its person answers."""

    def __init__(self, action: str = "accept", content: dict[str, Any] | None = None) -> None:
        self.action = action
        self.content = {"go_ahead": True} if content is None else content
        self.asked: list[ElicitRequestParams] = []

    async def __call__(self, context: Any, params: ElicitRequestParams) -> ElicitResult:
        self.asked.append(params)
        return ElicitResult(action=self.action, content=self.content or None)  # type: ignore[arg-type]


def link(result: Any) -> str:
    """The handle of the link in an answer that nothing was done."""
    assert result.is_error
    assert code_of(result) == "approval_needed"
    found = LINK.search(text_of(result))
    assert found is not None
    assert result.meta["valet/approve"] == {"title": "Send this mail", "url": found[0]}
    return found[1]


async def asked(desk: Desk, *labels: str) -> Resident:
    """Somebody who wants to be asked, with these accounts."""
    who = await desk.resident()
    for label in labels or ("private",):
        await desk.connect(who, label=label)
    await desk.approvals.switch(who.user_id, {"spotify"}, ())
    return who


async def send(client: Client, **changes: Any) -> Any:
    return await client.call_tool("ask_send", {**SEND, **changes})


async def decide(desk: Desk, who: Resident, handle: str, decision: Decision = "yes") -> None:
    assert await desk.approvals.decide(handle, who.user_id, decision)


async def run(desk: Desk, statement: str, *values: object) -> None:
    async with desk.database.connection() as link:
        await link.execute(statement.encode(), values)


@ERAS
async def test_nobody_is_asked_who_did_not_switch_it_on(serve: Serve, mode: str) -> None:
    async with serve(modules=TOOLS) as desk:
        who = await desk.ready()
        await desk.approvals.switch(who.user_id, {"calendar"}, {"spotify"})
        async with chat(desk, who, mode) as client:
            assert (await send(client)).structured_content == {"to": "ben@example.com"}
        assert len(desk.spotify.calls) == 1


@ERAS
async def test_a_yes_on_our_page_is_good_for_that_call_once(serve: Serve, mode: str) -> None:
    async with serve(modules=TOOLS) as desk:
        who = await asked(desk)
        async with chat(desk, who, mode) as client:
            first = await send(client)
            handle = link(first)
            assert json.loads(first.content[1].text) == {
                "title": "Send this mail",
                "lines": [["To", "ben@example.com"], ["Text", "See you on Monday"]],
            }
            assert link(await send(client)) == handle, "an open question is asked again, not anew"
            assert desk.spotify.calls == []
            await decide(desk, who, handle)
            # What means the same is the same call: a default that is written out, and another order.
            done = await client.call_tool(
                "ask_send", {"copies": None, "body": SEND["body"], "to": SEND["to"], "account": None}
            )
            assert done.structured_content == {"to": "ben@example.com"}
            assert link(await send(client)) != handle
        assert len(desk.spotify.calls) == 1
        await desk.diary.flush()
        outcomes = [each.outcome async for each in desk.activity.all(who.user_id)]
    assert sorted(outcomes) == ["approval_needed", "approval_needed", "approval_needed", "ok"]


async def test_a_list_that_is_written_as_a_string_is_that_list(serve: Serve) -> None:
    """As Claude Desktop writes them, and the SDK reads them."""
    async with serve(modules=TOOLS) as desk:
        who = await asked(desk)
        async with chat(desk, who) as client:
            handle = link(await send(client, copies='["cleo@example.com"]'))
            assert link(await send(client, copies=["cleo@example.com"])) == handle
            await decide(desk, who, handle)
            assert not (await send(client, copies='[ "cleo@example.com" ]')).is_error


async def test_a_yes_is_good_for_nothing_else(serve: Serve) -> None:
    """Neither another argument, nor another account, chat or person, nor what has changed meanwhile."""
    async with serve(modules=TOOLS) as desk:
        who = await asked(desk, "private", "work")
        same_person = await desk.resident(user_id=who.user_id)
        other = await asked(desk)
        async with chat(desk, who) as client:
            handle = link(await send(client))
            await decide(desk, who, handle)
            for changes in (
                {"to": "eve@example.com"},
                {"body": "x"},
                {"copies": ["eve"]},
                {"account": "work"},
            ):
                assert link(await send(client, **changes)) != handle, changes
            await desk.vault.prefer(who.user_id, (await desk.vault.list(who.user_id))[1].id)
            assert link(await send(client)) != handle, "the default account is another one now"
            await desk.vault.prefer(who.user_id, (await desk.vault.list(who.user_id))[0].id)
            asktools.VERSION[0] = "2"
            try:
                assert link(await send(client)) != handle, "what would be sent is another version now"
            finally:
                asktools.VERSION[0] = "1"
            for stranger in (same_person, other):
                async with chat(desk, stranger) as theirs:
                    assert link(await send(theirs)) != handle
            assert desk.spotify.calls == []
            assert not (await send(client)).is_error, "and it is still good for what it was given for"
        assert len(desk.spotify.calls) == 1


async def test_nobody_but_its_person_answers_a_question(serve: Serve) -> None:
    async with serve(modules=TOOLS) as desk:
        who, other = await asked(desk), await asked(desk)
        async with chat(desk, who) as client:
            handle = link(await send(client))
            assert not await desk.approvals.decide(handle, other.user_id, "yes")
            assert await desk.approvals.look(handle, other.user_id) is None
            assert await desk.approvals.foreign(handle, other.user_id)
            assert link(await send(client)) == handle
            await decide(desk, who, handle)
            assert not await desk.approvals.decide(handle, who.user_id, "no"), "the first answer counts"
        assert desk.spotify.calls == []


async def test_of_many_calls_at_once_one_runs(serve: Serve) -> None:
    async with serve(modules=TOOLS) as desk:
        who = await asked(desk)
        async with chat(desk, who) as client:
            handle = link(await send(client))
            answers = await asyncio.gather(
                *(desk.approvals.decide(handle, who.user_id, "yes") for _ in range(6))
            )
            assert sorted(answers) == [False] * 5 + [True]
            results = await asyncio.gather(*(send(client) for _ in range(8)))
        assert sorted(code_of(each) or "done" for each in results) == ["approval_needed"] * 7 + ["done"]
        assert len(desk.spotify.calls) == 1


async def test_calls_at_once_are_one_question(serve: Serve) -> None:
    """Or each would have a yes of its own, and the mail would go out as often as there were calls."""
    async with serve(modules=TOOLS) as desk:
        who = await asked(desk)
        async with chat(desk, who) as client:
            [handle] = {link(each) for each in await asyncio.gather(*(send(client) for _ in range(6)))}
            await decide(desk, who, handle)
            assert not (await send(client)).is_error
            assert link(await send(client)) != handle
        assert len(desk.spotify.calls) == 1


@pytest.mark.parametrize("last", ["yes", "no"])
async def test_of_two_answers_the_last_counts_and_none_is_left(serve: Serve, last: Decision) -> None:
    """A call may ask anew in the very moment in which its question is answered."""
    async with serve(modules=TOOLS) as desk:
        who = await asked(desk)
        async with chat(desk, who) as client:
            first = link(await send(client))
            await run(desk, "UPDATE approvals SET expires_at = now() - interval '1 minute'")
            second = link(await send(client))
            await run(desk, "UPDATE approvals SET expires_at = now() + interval '1 minute'")
            await decide(desk, who, first)
            await decide(desk, who, second, last)
            heard = await send(client)
            assert code_of(heard) == (None if last == "yes" else "declined")
            assert link(await send(client)) not in {first, second}
        assert len(desk.spotify.calls) == (last == "yes")


@ERAS
async def test_a_no_on_our_page_is_heard_once(serve: Serve, mode: str) -> None:
    async with serve(modules=TOOLS) as desk:
        who = await asked(desk)
        async with chat(desk, who, mode) as client:
            handle = link(await send(client))
            await decide(desk, who, handle, "no")
            refused = await send(client)
            assert code_of(refused) == "declined"
            assert "The person said no, so nothing was done." in text_of(refused)
            assert link(await send(client)) != handle, "whoever wants it after all is asked anew"
        assert desk.spotify.calls == []


@pytest.mark.parametrize("when", ["before the answer", "after the answer"])
async def test_ten_minutes_are_over(serve: Serve, when: str) -> None:
    async with serve(modules=TOOLS) as desk:
        who = await asked(desk)
        async with chat(desk, who) as client:
            handle = link(await send(client))
            if when == "after the answer":
                await decide(desk, who, handle)
            await run(desk, "UPDATE approvals SET expires_at = now() WHERE user_id = %s", who.user_id)
            assert not await desk.approvals.decide(handle, who.user_id, "yes")
            assert link(await send(client)) != handle
        assert desk.spotify.calls == []


async def test_the_switch_counts_from_the_next_call(serve: Serve) -> None:
    async with serve(modules=TOOLS) as desk:
        who = await desk.ready()
        async with chat(desk, who) as client:
            assert not (await send(client)).is_error
            await desk.approvals.switch(who.user_id, {"spotify"}, ())
            handle = link(await send(client))
            await desk.approvals.switch(who.user_id, (), {"spotify"})
            assert not (await send(client)).is_error
            await desk.approvals.switch(who.user_id, {"spotify"}, ())
            assert link(await send(client)) == handle
        assert len(desk.spotify.calls) == 2


async def test_a_personal_token_asks_too(serve: Serve) -> None:
    async with serve(modules=TOOLS) as desk:
        who = await asked(desk)
        await run(desk, "UPDATE clients SET kind = 'personal' WHERE id = %s", who.client_id)
        async with chat(desk, who) as client:
            await decide(desk, who, link(await send(client)))
            assert not (await send(client)).is_error
        assert len(desk.spotify.calls) == 1


# By a form in the chat


async def test_a_form_in_the_chat_asks_and_its_yes_runs_the_call(serve: Serve) -> None:
    form = Form()
    async with serve(modules=TOOLS) as desk:
        who = await asked(desk)
        async with chat(desk, who, MODERN, form) as client:  # type: ignore[arg-type]
            assert (await send(client)).structured_content == {"to": "ben@example.com"}
            assert len(desk.spotify.calls) == 1
            await send(client)
        assert len(desk.spotify.calls) == 2
        await desk.diary.flush()
        outcomes = [each.outcome async for each in desk.activity.all(who.user_id)]
    assert len(form.asked) == 2, "a yes is for one call"
    assert form.asked[0].message == (
        "Send this mail?\n\nWith your account: “private”\nTo: “ben@example.com”\nText: “See you on Monday”\n"
        "\nNothing is done until you say yes."
    )
    assert form.asked[0].mode == "form"
    assert sorted(outcomes) == ["approval_needed", "approval_needed", "ok", "ok"]


@pytest.mark.parametrize(
    ("action", "content"),
    [("decline", {}), ("cancel", {}), ("accept", {}), ("accept", {"go_ahead": False})],
)
async def test_whatever_is_no_yes_in_the_form_is_a_no(
    serve: Serve, action: str, content: dict[str, Any]
) -> None:
    form = Form(action, content)
    async with serve(modules=TOOLS) as desk:
        who = await asked(desk)
        async with chat(desk, who, MODERN, form) as client:  # type: ignore[arg-type]
            result = await send(client)
            assert code_of(result) == "declined"
            assert len(form.asked) == 1
        async with desk.database.connection() as link_:
            cursor = await link_.execute(
                "SELECT decision, sealed IS NULL, spent_at IS NULL FROM approvals WHERE user_id = %s",
                (who.user_id,),
            )
            assert await cursor.fetchall() == [("no", True, False)]
        assert desk.spotify.calls == []


async def test_a_form_can_be_sent_back_once_and_for_the_same_call_only(serve: Serve) -> None:
    async with serve(modules=TOOLS) as desk:
        who, other = await asked(desk), await asked(desk)
        first = await post(desk, who, SEND)
        assert first["resultType"] == "input_required"
        state = first["requestState"]
        for stranger, arguments in ((who, {**SEND, "to": "eve@example.com"}), (other, SEND)):
            refused = await post(desk, stranger, arguments, state)
            assert refused["code"] == -32602
        asktools.VERSION[0] = "2"
        try:
            changed = await post(desk, who, SEND, state)
            assert changed["_meta"]["valet/error"] == {"code": "approval_needed"}, "of another version now"
        finally:
            asktools.VERSION[0] = "1"
        assert desk.spotify.calls == []
        done = await asyncio.gather(*(post(desk, who, SEND, state) for _ in range(4)))
        codes = sorted(each.get("_meta", {}).get("valet/error", {}).get("code", "done") for each in done)
        assert codes == ["approval_needed"] * 3 + ["done"], "and the others get the link, not another form"
        assert len(desk.spotify.calls) == 1


@pytest.mark.parametrize("capable", [{}, {"url": {}}], ids=["nothing", "url only"])
async def test_who_shows_no_forms_gets_the_link(serve: Serve, capable: dict[str, Any]) -> None:
    async with serve(modules=TOOLS) as desk:
        who = await asked(desk)
        declared = {"elicitation": capable} if capable else {}
        result = await post(desk, who, SEND, capabilities=declared)
        assert LINK.search(result["content"][0]["text"])
        # {} means forms (2026-07-28 client/elicitation, "Capabilities").
        assert "requestState" in await post(desk, who, SEND, capabilities={"elicitation": {}})


async def test_a_page_in_the_chat_opens_no_form(serve: Serve) -> None:
    async with serve(modules=TOOLS) as desk:
        who = await asked(desk)
        form = Form()
        async with chat(desk, who, MODERN, form, ui=True) as client:  # type: ignore[arg-type]
            handle = link(await client.call_tool("ask_press", {}))
            await decide(desk, who, handle)
            assert not (await client.call_tool("ask_press", {})).is_error
        assert form.asked == []


async def post(
    desk: Desk,
    who: Resident,
    arguments: dict[str, Any],
    state: str | None = None,
    *,
    capabilities: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """One raw call of 2026-07-28; with `state` it answers the form with a yes. Its result, or its error."""
    declared = {"elicitation": {"form": {}}} if capabilities is None else capabilities
    params: dict[str, Any] = {
        "name": "ask_send",
        "arguments": arguments,
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": declared,
        },
    }
    if state is not None:
        yes = {"action": "accept", "content": {"go_ahead": True}}
        params |= {"requestState": state, "inputResponses": {"approve": yes}}
    response = await desk.post(
        {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params},
        token=who.token,
        headers={"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": "ask_send"},
    )
    body = response.json()
    found: dict[str, Any] = body.get("result") or body["error"]
    return found


# What a person is shown

HOSTILE = "<b>ok</b>\u202e \u200bgpj.exe\r\nTo: nobody@example.com ” [x](https://evil.example) "


async def test_what_is_shown_is_bounded_and_runs_into_nothing(serve: Serve) -> None:
    form = Form("decline", {})
    long = {"to": HOSTILE, "body": "long " * 2000, "copies": [f"c{n}@example.com" for n in range(30)]}
    async with serve(modules=TOOLS) as desk:
        who = await asked(desk)
        async with chat(desk, who, MODERN, form) as client:  # type: ignore[arg-type]
            await send(client, **long)
        async with chat(desk, who) as client:
            result = await send(client, **long)
        question = await desk.approvals.look(link(result), who.user_id)
    assert question is not None and question.preview is not None
    lines = dict(question.preview.lines)
    assert lines["To"] == "<b>ok</b> gpj.exe To: nobody@example.com ” [x](https://evil.example)"
    assert lines["Text"].endswith("… (and 8,000 characters more)") and len(lines["Text"]) < 2100
    assert lines["Not shown"] == "12 more"
    [params] = form.asked
    assert [line.partition(":")[0] for line in params.message.splitlines()][:5] == [
        "Send this mail?",
        "",
        "With your account",
        "To",
        "Text",
    ]
    assert 'To: “<b>ok</b> gpj.exe To: nobody@example.com " [x](https://evil.example)”' in params.message
    assert len(result.model_dump_json().encode()) < 30_000


async def test_what_is_shown_rests_sealed_and_is_logged_nowhere(
    serve: Serve, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    canary = "canary-9d1f"
    caplog.set_level(logging.DEBUG)
    async with serve(modules=TOOLS) as desk:
        who = await asked(desk)
        result = await post(desk, who, {"to": canary}, capabilities={})
        handle = LINK.search(result["content"][0]["text"])[1]  # type: ignore[index]
        async with desk.database.connection() as link_:
            cursor = await link_.execute(
                "SELECT approvals::text FROM approvals WHERE user_id = %s", (who.user_id,)
            )
            [(row,)] = await cursor.fetchall()
        assert canary not in row and canary.encode().hex() not in row and handle not in row
        await decide(desk, who, handle)
        question = await desk.approvals.look(handle, who.user_id)
        assert question is not None and question.preview is None and question.row.sealed is None
        assert "structuredContent" in await post(desk, who, {"to": canary}, capabilities={})
    out = capsys.readouterr()
    assert "ask_send" in out.out + caplog.text
    for said in (canary, handle):
        assert said not in caplog.text + out.out + out.err


async def test_the_sweep_takes_what_is_shown_at_once_and_the_row_a_day_later(serve: Serve) -> None:
    async with serve(modules=TOOLS) as desk:
        who = await asked(desk)
        async with chat(desk, who) as client:
            handle = link(await send(client))
        rows = "SELECT count(sealed), count(*) FROM approvals WHERE user_id = %s"

        async def left() -> Any:
            async with desk.database.connection() as link_:
                return await (await link_.execute(rows, (who.user_id,))).fetchone()

        await desk.approvals.sweep()
        assert await left() == (1, 1)
        await run(desk, "UPDATE approvals SET expires_at = now() WHERE user_id = %s", who.user_id)
        await desk.approvals.sweep()
        assert await left() == (0, 1)
        await run(
            desk,
            "UPDATE approvals SET expires_at = now() - interval '25 hours' WHERE user_id = %s",
            who.user_id,
        )
        assert await desk.approvals.sweep() >= 1
        assert await left() == (0, 0)
        assert await desk.approvals.look(handle, who.user_id) is None


async def test_a_chat_that_asks_on_and_on_keeps_its_newest_questions(serve: Serve) -> None:
    async with serve(modules=TOOLS) as desk:
        who = await asked(desk)
        connection = (await desk.vault.list(who.user_id))[0]
        handles = []
        for number in range(53):
            deed = desk.approvals.deed(who.user_id, who.grant_id, "ask_send", connection.id, number)
            handles.append(await desk.approvals.ask(deed, Preview("Send this mail", ())))
        found = [await desk.approvals.look(each, who.user_id) is not None for each in handles]
    assert found == [False] * 3 + [True] * 50
