"""What `valet try` asks for, by the words it is given. No model is in it: words choose the scene.

A scene makes the calls that a chat program would make for such a sentence, and ends well only if the
upstream's own state agrees with what the tools said.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from mcp_types import CallToolResult, TextContent


class TrialFailed(Exception):
    """A step did not end as it should; the text says which and what came back."""


class Stage(Protocol):
    """What a scene may do."""

    def say(self, what: str, came_back: str, /) -> None:
        """One line of progress."""

    async def call(self, tool: str, arguments: dict[str, Any], *, connect_as: str) -> CallToolResult:
        """Call a tool; where it needs an account, connect that one. Raises TrialFailed."""

    async def upstream(self, name: str, **query: str) -> Any:
        """What the emulator itself knows."""


class Scene(Protocol):
    """One thing a person may ask for."""

    async def play(self, stage: Stage, query: str) -> str:
        """Play it; returns the closing line. Raises TrialFailed."""


class Music:
    """ "Despacito": search it, play it, and look at the player."""

    async def play(self, stage: Stage, query: str) -> str:
        """The emulator's player must be playing the very track that the tool named."""
        found = await stage.call("spotify_search", {"query": query, "types": ["track"]}, connect_as="ana")
        stage.say("search", said(found))
        played = await stage.call("spotify_play", {"query": query}, connect_as="ana")
        stage.say("play", said(played))
        player = await stage.upstream("player", account="ana")
        uri = (played.structured_content or {}).get("uri")
        if not player["is_playing"] or player["current"] != uri:
            raise TrialFailed(f"the player is not playing what the tool said, but {player['current_name']}")
        stage.say("the player", f"is playing {player['current_name']} ({player['current']})")
        return f'"{query}" is playing'


class Agenda:
    """ "what is on my calendar tomorrow": two Google accounts of one person, each asked by its name."""

    _ACCOUNTS = ("ana", "ana-work")

    async def play(self, stage: Stage, query: str) -> str:
        """The events of each account must be those that the emulator has for that day."""
        listed = await stage.call("calendar_list_calendars", {}, connect_as=self._ACCOUNTS[0])
        stage.say("calendars", _titles(listed, "calendars", "name"))
        rows = await self._accounts(stage)
        keys = {
            each["email"]: each["account"] for each in await stage.upstream("accounts", upstream="google")
        }
        zone = (listed.structured_content or {})["calendars"][0]["time_zone"]
        first, last = days(query, datetime.now(ZoneInfo(zone)).date())
        total = 0
        for row in rows:
            asked = {"start": first.isoformat(), "end": last.isoformat(), "account": row["label"]}
            found = await stage.call("calendar_search_events", asked, connect_as=keys[row["account"]])
            stage.say("agenda", f"of {row['label']}: {said(found)}")
            total += await self._agree(stage, row, found, first, last)
        return f"{total} events in {len(rows)} accounts, {_span(first, last)}"

    async def _accounts(self, stage: Stage) -> list[dict[str, Any]]:
        """The person's Google accounts; a second one is connected if there is none yet."""
        asked = {"service": "calendar", "access": "read", "another": True}
        rows = await _google(stage)
        if len(rows) < len(self._ACCOUNTS):
            await stage.call("connections_connect", asked, connect_as=self._ACCOUNTS[1])
            rows = await _google(stage)
        if len(rows) < len(self._ACCOUNTS):
            raise TrialFailed("the second Google account did not become connected")
        stage.say("accounts", ", ".join(f"{row['account']} is called {row['label']}" for row in rows))
        return rows

    async def _agree(
        self, stage: Stage, row: dict[str, Any], found: CallToolResult, first: date, last: date
    ) -> int:
        between = {"from": first.isoformat(), "to": last.isoformat()}
        truth = await stage.upstream("calendar/agenda", email=row["account"], **between)
        events = sorted(event["title"] for event in (found.structured_content or {})["events"])
        if events != sorted(truth):
            raise TrialFailed(f"the tool named {events} for {row['label']}, and its calendars hold {truth}")
        return len(events)


def scene(query: str) -> Scene:
    """The scene that a sentence is about; music where it names nothing else."""
    agenda = re.search(r"\b(calendars?|agenda|schedule|appointments?|meetings?|events?)\b", query, re.I)
    return Agenda() if agenda else Music()


def days(query: str, today: date) -> tuple[date, date]:
    """The first and the last day that a sentence speaks of; tomorrow where it names none."""
    words = set(re.findall(r"\w+", query.lower()))
    if "week" in words:
        return today, today + timedelta(days=6)
    when = today if "today" in words else today + timedelta(days=1)
    return when, when


def said(result: CallToolResult) -> str:
    """What a model reads."""
    return " ".join(part.text for part in result.content if isinstance(part, TextContent))


async def _google(stage: Stage) -> list[dict[str, Any]]:
    listed = await stage.call("connections_list", {}, connect_as="")
    rows: list[dict[str, Any]] = (listed.structured_content or {})["connections"]
    return [row for row in rows if row["provider"] == "google"]


def _titles(result: CallToolResult, rows: str, name: str) -> str:
    return ", ".join(row[name] for row in (result.structured_content or {})[rows])


def _span(first: date, last: date) -> str:
    return first.isoformat() if first == last else f"{first.isoformat()} to {last.isoformat()}"
