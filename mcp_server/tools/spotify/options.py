"""spotify_set_playback_options: volume, shuffle, repeat, each with its own outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel, Me, Pause
from mcp_server.ports import Directory
from mcp_server.sentences import speak
from mcp_server.toolbox import tool
from mcp_server.tools.ends import BREAKS
from mcp_server.tools.spotify.arguments import DeviceName
from mcp_server.tools.spotify.client import SpotifyClient
from mcp_server.tools.spotify.commands import as_loud, disallowed, elsewhere, on
from mcp_server.tools.spotify.devices import only, target
from mcp_server.tools.spotify.watch import until
from mcp_server.tools.text import clip, listed, quoted
from mcp_server.tools.undo import Undo
from providers.base import Code, NotFound, Rejected, Unavailable
from providers.spotify import Device, Playback, RepeatState, Spotify
from providers.spotify.record import CONTROL, PLAYBACK

Option = Literal["volume", "shuffle", "repeat"]
Value = int | bool | str

_FORBIDDEN = {
    ("shuffle", True): "toggling_shuffle",
    ("shuffle", False): "toggling_shuffle",
    ("repeat", "context"): "toggling_repeat_context",
    ("repeat", "track"): "toggling_repeat_track",
}
"""Spotify's names in `actions.disallows`."""

_REPEATS = frozenset(get_args(RepeatState))


class Setting(BaseModel):
    """What came of one option."""

    option: Option
    outcome: Annotated[
        Literal["set", "unchanged", "refused", "unsure", "not_tried"],
        Field(description="`unsure`: Spotify's answer was lost."),
    ]
    confirmed: Annotated[bool | None, Field(description="Whether the player already shows it.")] = None
    was: int | bool | str | None = None
    code: Code | None = None
    why: str | None = None


class Options(BaseModel):
    """What came of each option, in the order in which they were sent."""

    settings: list[Setting]
    device: str | None = None
    undo: Undo | None = None


@dataclass(slots=True)
class Attempt:
    """One option on its way."""

    option: Option
    value: Value
    was: Value | None
    sent: bool = False
    seen: bool = False
    fault: Exception | None = None

    def met(self, now: Value | None) -> bool:
        """Whether that is what was asked for."""
        if self.option == "volume":
            return as_loud(int(self.value), _whole(self.was), _whole(now))
        return now == self.value


@dataclass(slots=True)
class Desk:
    """Where the options go: the device, whether it is named, and how the player was before."""

    spotify: Spotify
    device: Device
    named: bool
    before: Playback | None
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def device_id(self) -> str | None:
        """For the request: None for the active device."""
        return self.device.id if self.named else None

    async def look(self) -> dict[Option, Value | None]:
        """How the options are now."""
        state = await self.spotify.playback()
        device = state.device if state is not None and on(state, self.device.id) else None
        if device is None and any(each.option == "volume" for each in self.attempts):
            rows = await self.spotify.devices()
            device = next((each for each in rows if each.id == self.device.id), None)
        return values(state, device)


def _whole(value: Value | None) -> int | None:
    return value if isinstance(value, int) else None


def values(state: Playback | None, device: Device | None) -> dict[Option, Value | None]:
    """The options as a player and a device show them."""
    return {
        "volume": device.volume_percent if device is not None else None,
        "shuffle": state.shuffle_state if state is not None else None,
        "repeat": state.repeat_state if state is not None and state.repeat_state in _REPEATS else None,
    }


@tool(
    service="spotify",
    access="write",
    needs=PLAYBACK | CONTROL,
    title="Set Spotify volume, shuffle, repeat",
    read_only=False,
    destructive=True,
    idempotent=True,
)
async def spotify_set_playback_options(
    spotify: SpotifyClient,
    me: Me,
    pause: Pause,
    volume: Annotated[int | None, Field(ge=0, le=100, description="Percent.")] = None,
    shuffle: Annotated[bool | None, Field(description="Play in random order.")] = None,
    repeat: Annotated[RepeatState | None, Field(description="`context`: the album or playlist.")] = None,
    device: DeviceName = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Options]:
    """Set volume, shuffle or repeat, one or several; each has its own outcome. Many phones refuse a volume.
    Needs Premium.
    """
    wanted: dict[Option, Value | None] = {"volume": volume, "shuffle": shuffle, "repeat": repeat}
    if all(value is None for value in wanted.values()):
        raise Refusal("invalid_argument", "Give at least one of `volume`, `shuffle` and `repeat`.")
    before = await spotify.playback()
    found = await target(spotify, device, before)
    desk = Desk(spotify, found or await only(spotify), bool(device) or found is None, before)
    was = values(before, desk.device)
    desk.attempts = [Attempt(name, value, was[name]) for name, value in wanted.items() if value is not None]
    await _send_all(desk)
    await _watch(desk, pause)
    _raise_if_none(desk, me.directory)
    back = _undo(desk)
    view = Options(
        settings=[_setting(each, me.directory) for each in desk.attempts],
        device=clip(desk.device.name, 100) or None,
        undo=back.at(account) if back else None,
    )
    return answer(view, _text(view, wanted))


async def _send_all(desk: Desk) -> None:
    """One after another: Spotify guarantees no order between two commands under way at once.

    What fails for all of them alike (no Premium, a limit, an outage) is not tried again with the next.
    """
    for attempt in desk.attempts:
        if attempt.value == attempt.was:
            attempt.seen = True
            continue
        try:
            _require_possible(desk, attempt)
            attempt.sent = True
            await _send(desk, attempt)
        except (Refusal, NotFound) as error:
            attempt.fault = _plain(desk, error)
        except Rejected as error:
            attempt.fault = error
            if error.reason == "PREMIUM_REQUIRED":
                break
        except BREAKS as error:
            attempt.fault = error
            break


async def _send(desk: Desk, attempt: Attempt) -> None:
    match attempt.option:
        case "volume":
            await desk.spotify.volume(int(attempt.value), desk.device_id)
        case "shuffle":
            await desk.spotify.shuffle(bool(attempt.value), desk.device_id)
        case "repeat":
            await desk.spotify.repeat(_repeat(attempt.value), desk.device_id)


def _repeat(value: Value) -> RepeatState:
    return "track" if value == "track" else "context" if value == "context" else "off"


def _require_possible(desk: Desk, attempt: Attempt) -> None:
    """Raise Refusal where Spotify would answer with a 403 that says less."""
    if attempt.option == "volume":
        if desk.device.supports_volume is False:
            raise Refusal("conflict", f"The volume of {quoted(desk.device.name)} can't be set from here.")
        return
    name = _FORBIDDEN.get((attempt.option, attempt.value))
    if desk.before is not None and name in desk.before.disallows and on(desk.before, desk.device_id):
        raise disallowed(f"changing {attempt.option}")


def _plain(desk: Desk, error: Exception) -> Exception:
    """What a 404 means here."""
    if not isinstance(error, NotFound):
        return error
    if desk.before is not None and not on(desk.before, desk.device.id):
        return elsewhere(desk.before)
    return Refusal(
        "no_active_device",
        f"Nothing is playing on {quoted(desk.device.name)}, or it has gone. Start something with "
        "spotify_play first.",
    )


async def _watch(desk: Desk, pause: Pause) -> None:
    """Look until all that was accepted shows; what was lost on the way counts if it shows."""
    lost = [each for each in desk.attempts if _lost(each)]
    sent = [each for each in desk.attempts if each.sent and each.fault is None] + lost
    if not sent:
        return

    def met(now: dict[Option, Value | None] | None) -> bool:
        return now is not None and all(each.met(now[each.option]) for each in sent)

    _, now = await until(desk.look, met, pause)
    for each in sent:
        each.seen = now is not None and each.met(now[each.option])
        if each.seen:
            each.fault = None


def _raise_if_none(desk: Desk, directory: Directory) -> None:
    """Raise the fault where nothing came of any option."""
    faults = [(each.option, each.fault) for each in desk.attempts if each.fault is not None]
    if not faults or any(each.seen or (each.sent and each.fault is None) for each in desk.attempts):
        return
    # What stands in the way of all of them (no Premium, a limit) goes before what is wrong with one.
    _, first = min(faults, key=lambda each: isinstance(each[1], Refusal))
    if len(faults) == 1 or not isinstance(first, Refusal):
        assert first is not None
        raise first
    spoken = [(name, speak(fault, directory)) for name, fault in faults if fault is not None]
    told = [(name, said) for name, said in spoken if said is not None]
    raise Refusal(told[0][1].code, " ".join(f"{name}: {said.text}" for name, said in told))


def _lost(attempt: Attempt) -> bool:
    return isinstance(attempt.fault, Unavailable) and attempt.fault.ambiguous


def _setting(attempt: Attempt, directory: Directory) -> Setting:
    if attempt.fault is not None:
        spoken = speak(attempt.fault, directory)
        return Setting(
            option=attempt.option,
            outcome="unsure" if _lost(attempt) else "refused",
            was=attempt.was,
            code=spoken.code if spoken else "provider_error",
            why=spoken.text if spoken else None,
        )
    if attempt.sent:
        return Setting(option=attempt.option, outcome="set", confirmed=attempt.seen, was=attempt.was)
    outcome: Literal["unchanged", "not_tried"] = "unchanged" if attempt.seen else "not_tried"
    return Setting(option=attempt.option, outcome=outcome, confirmed=attempt.seen or None, was=attempt.was)


def _undo(desk: Desk) -> Undo | None:
    back: dict[str, object] = {
        each.option: each.was
        for each in desk.attempts
        if each.sent and each.fault is None and each.was is not None
    }
    if not back:
        return None
    where = {"device": desk.device.id} if desk.named else {}
    return Undo(tool="spotify_set_playback_options", arguments={**back, **where})


def _text(view: Options, wanted: dict[Option, Value | None]) -> str:
    def of(each: Setting) -> str:
        value = wanted[each.option]
        return f"{each.option} {'on' if value is True else 'off' if value is False else value}"

    done = [of(each) for each in view.settings if each.outcome == "set" and each.confirmed]
    open_ = [of(each) for each in view.settings if each.outcome == "set" and not each.confirmed]
    same = [of(each) for each in view.settings if each.outcome == "unchanged"]
    left = [of(each) for each in view.settings if each.outcome == "not_tried"]
    where = f" on {quoted(view.device)}" if view.device else ""
    parts = [
        f"Set{where}: {listed(done)}." if done else "",
        f"Accepted{where}, but the player does not show it yet: {listed(open_)}." if open_ else "",
        f"It was so already: {listed(same)}." if same else "",
        *(f"Refused: {of(each)}. {each.why or ''}" for each in view.settings if each.outcome == "refused"),
        *(f"Not sure: {of(each)}. {each.why or ''}" for each in view.settings if each.outcome == "unsure"),
        f"Not tried after that: {listed(left)}." if left else "",
    ]
    return " ".join(part.strip() for part in parts if part)
