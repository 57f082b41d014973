"""What Google's tools read, write, ask about and carry stays nowhere: database, logs, metrics."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from mcp.client import Client
from prometheus_client import generate_latest

from mcp_server.toolbox import asking, specs
from mcp_server.tools import MODULES
from providers.google import GOOGLE
from tests.flows.test_asking import decide, question, switch
from tests.flows.traces import dump, logged
from tests.mcp_server.desk import GOOGLE_LATER, GOOGLE_UPSTREAM
from tests.mcp_server.hall import Hall
from tests.mcp_server.test_google_refusals import TABLES
from tests.support.emulator import EmulatorProcess
from tests.support.person import text
from tests.support.whole import ORIGIN, Whole, whole

GUEST = "canary.guest@example.com"
CARRIED = "Canary of a file that a person carries"
MORE: dict[str, dict[str, Any]] = {
    "calendar_create_event": {"summary": "Canary picnic by the river", "attendees": [GUEST]},
    "calendar_update_event": {"changes": {"add_attendees": [GUEST]}, "notify": "all"},
    "docs_edit": {"operations": [{"op": "replace_all", "find": "cinnamon", "text": ""}]},
    "sheets_clear_range": {"range": "Budget!A1:B3"},
    "gmail_send_message": {"subject": "Canary of the ninth", "body": "Canary of a body, not for the log."},
    "drive_create_file": {"content": "# Canary of a heading"},
}
"""What makes a call of the tables one that asks, or one whose words are known again."""

OURS = frozenset({"tool", "time_zone"})
"""Fields of results that hold no content."""

LABEL = frozenset({"ana.duarte@gmail.com"})
"""What the account is called by, which is kept and shown."""


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as emulator:
        yield emulator


async def test_nothing_that_google_tells_is_stored_logged_or_counted(
    empty_database_url: str,
    tmp_path: Path,
    emulator: EmulatorProcess,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    async with whole(empty_database_url, tmp_path, emulator, google=True) as valet:
        token = await valet.sign_in_chat(**{service.name: "write" for service in GOOGLE.services})
        everything = GOOGLE_UPSTREAM | GOOGLE_LATER | {"openid", "email"}
        await valet.connect("/connect/google", scopes=frozenset(everything))
        await switch(valet, **dict.fromkeys(asking(MODULES), "yes"))
        async with valet.chat(token) as client:
            seen, waiting = await _everything(valet, client)
            seen |= await _carried(valet, client)
            while_waiting = dump(empty_database_url)
            seen |= await _agreed(valet, client, waiting)
        told = generate_latest(valet.house.metrics).decode()
    for canary in (
        "Lunch on Sunday",
        GUEST,
        "Caldo verde",
        "Canary of a body",
        "Canary of a heading",
        CARRIED,
    ):
        assert any(canary in each for each in seen), canary
    haystacks = {
        "database while questions wait": while_waiting,
        "database": dump(empty_database_url),
        "logs": capsys.readouterr().out + logged(caplog),
        "metrics": told,
    }
    # The search needs something to look through, too.
    assert "gmail_send_message" in haystacks["database"] and "upstream_call" in haystacks["logs"]
    assert "valet_refreshes" in haystacks["metrics"]
    for place, haystack in haystacks.items():
        found = {each for each in seen if each in haystack}
        assert not found, f"{sorted(found)} in the {place}"


async def _everything(valet: Whole, client: Client) -> tuple[set[str], dict[str, dict[str, Any]]]:
    """Call every tool of Google's; the content of arguments and answers, and which calls wait for a yes."""
    seen: set[str] = set()
    waiting: dict[str, dict[str, Any]] = {}
    known = {name: spec for name, spec in specs(MODULES).items() if spec.service in TABLES}
    # Of the fixture that the tables are made for they use the emulator alone.
    tables = [calls(cast(Hall, valet)) for calls in TABLES.values()]
    table = {name: {**given, **MORE.get(name, {})} for calls in tables for name, given in calls.items()}
    assert table.keys() == known.keys()
    for name in sorted(table, key=lambda name: known[name].asks):
        result = await client.call_tool(name, table[name])
        if result.is_error:  # a question, and nothing else
            assert "valet/error" in result.meta, (name, text(result))
            waiting[question(result)] = {"name": name, "arguments": table[name]}
            said = [json.loads(block.text)["lines"] for block in result.content[1:2] if block.type == "text"]
            seen |= _words([row[1] for row in said[0] if row[0] not in {"Account"}])
        else:
            seen |= _words(result.structured_content)
        seen |= _words(table[name])
    assert len(waiting) >= 12, "most of what may ask does"
    return seen, waiting


async def _agreed(valet: Whole, client: Client, waiting: dict[str, dict[str, Any]]) -> set[str]:
    """Say yes to all that waits and make those calls again; the content of the answers."""
    seen: set[str] = set()
    for path, call in waiting.items():
        await decide(valet, path, "yes")
        result = await client.call_tool(**call)
        assert not result.is_error, (call["name"], text(result))
        seen |= _words(result.structured_content)
    return seen


async def _carried(valet: Whole, client: Client) -> set[str]:
    """Put files in by their links, and take them out again by theirs; names, contents and links."""
    file = TABLES["gmail"](cast(Hall, valet))["gmail_get_attachment"]
    fetched = await _link(client, "gmail_get_attachment", "download", **file, max_bytes=0)
    made = await _link(client, "drive_create_file", "upload", name="Canary of a name.bin", type="file")
    async with valet.http() as http:
        answer = await http.post(made, content=CARRIED.encode())
        assert answer.status_code == 200, answer.text
        answer = await http.post(fetched)
        assert answer.content.startswith(b"%PDF")
    return {CARRIED, "Canary of a name", made, made.rpartition("/")[2], fetched, fetched.rpartition("/")[2]}


async def _link(client: Client, tool: str, way: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text(result)
    found: str = (result.structured_content or {})[way]["url"]
    return found.removeprefix(ORIGIN)


def _words(value: Any, name: str = "") -> set[str]:
    """The content in arguments or an answer, in runs of signs that no way of writing it down changes."""
    if isinstance(value, dict):
        return set().union(*(_words(each, key) for key, each in value.items()))
    if isinstance(value, list):
        return set().union(*(_words(each, name) for each in value))
    if not isinstance(value, str) or name in OURS:
        return set()
    runs = {run.strip() for run in re.findall(r"[A-Za-z0-9 .,:@-]{8,}", value)}
    return {
        run for run in runs if len(run) >= 8 and run not in LABEL and not _a_word(run) and not _a_day(run)
    }


def _a_day(run: str) -> bool:
    """A day by itself, which our own rows end on as well."""
    return re.fullmatch(r"\d{4}-\d\d-\d\d", run) is not None


def _a_word(run: str) -> bool:
    """One word of a dictionary, which services, kinds and scopes are called by as well."""
    return run.isalpha() and run.islower()
