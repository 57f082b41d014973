"""Plain words for what the protocol knows: dates, hosts, access levels, reasons."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from connect.names import shown_name
from connect.redirects import display_host
from providers.base import Provider, Service

Level = Literal["off", "read", "write"]

LEVELS: tuple[Level, ...] = ("off", "read", "write")
LEVEL_TITLES: dict[Level, str] = {"off": "Off", "read": "Read", "write": "Read and write"}

DEEDS = {
    "signed_in": "Signed in",
    "connected": "Account connected",
    "disconnected": "Account disconnected",
    "chat_allowed": "Chat allowed",
    "chat_raised": "Chat allowed more",
    "chat_cut_off": "Chat cut off",
    "token_made": "Personal token made",
    "token_ended": "Personal token ended",
    "identity_linked": "Another way to sign in added",
    "identity_removed": "A way to sign in removed",
    "signed_out_everywhere": "Signed out everywhere",
    "app_added": "Own app added",
    "app_changed": "Own app's secret changed",
    "app_removed": "Own app removed",
    "exported": "Your data downloaded",
    "call_approved": "You said yes to a chat",
    "call_declined": "You said no to a chat",
    "asks_changed": "When to be asked first changed",
    "file_downloaded": "File fetched by a link",
    "file_uploaded": "File sent by a link",
}
"""What people do on our pages, by the word that is noted of it."""

_OUTCOMES = {
    "ok": "Done",
    "input_required": "Asked you to open a link",
    "not_connected": "No account was connected",
    "reauth_required": "The account needed reconnecting",
    "scope_missing": "The account did not allow that",
    "not_allowed": "You have not allowed this chat to do that",
    "rate_limited": "The provider asked to wait",
    "premium_required": "Needs a Premium account",
    "no_active_device": "No device was playing",
    "not_found": "Not found",
    "conflict": "Not possible at that moment",
    "invalid_argument": "The chat asked in a way that made no sense",
    "provider_error": "The provider did not answer as it should",
    "approval_needed": "Asked you first",
    "declined": "You said no",
    "cancelled": "The chat did not wait for the answer",
}


def spelled(name: str) -> str:
    """`Spotify play` for a tool `spotify_play` that is gone."""
    return name.replace("_", " ").capitalize()


def outcome(code: str) -> str:
    """How something ended."""
    return _OUTCOMES.get(code, "It did not work")


def took(milliseconds: int | None) -> str:
    """`0.4 s`; nothing where nobody measured."""
    return "" if milliseconds is None else f"{milliseconds / 1000:.1f} s"


def date(moment: datetime) -> str:
    """`3 May 2027`."""
    return f"{moment.day} {moment:%B %Y}"


def size(count: int) -> str:
    """`512 bytes`, `12 KB`, `3.4 MB`: of 1024, as a person reads it beside a file."""
    if count < 1024:
        return "1 byte" if count == 1 else f"{count} bytes"
    kilobytes = count / 1024
    return f"{kilobytes:.0f} KB" if kilobytes < 1000 else f"{kilobytes / 1024:.1f} MB"


def crowded(wait: float) -> str:
    """When to come back after a limit of `wait` seconds."""
    minutes = max(1, round(wait / 60 + 0.49))
    return f"Try again in {minutes} minutes." if minutes > 1 else "Try again in a minute."


def titles(names: Iterable[str]) -> str:
    """`Spotify`, `Spotify and Calendar`, `Spotify, Calendar and Gmail`."""
    *most, last = list(names) or ["accounts"]
    return f"{', '.join(most)} and {last}" if most else last


@dataclass(frozen=True, slots=True)
class Place:
    """Where a redirect leads, as a person may judge it."""

    host: str
    loopback: bool
    app: bool

    @property
    def phrase(self) -> str:
        """What to call whoever waits there, for the middle of a sentence."""
        if self.loopback:
            return "an app on this computer"
        return "an app on this device" if self.app else f"an app at {self.host}"


def place(url: str) -> Place:
    """The place of a redirect URI or a client id. Custom schemes are apps of the device."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        return Place(display_host(url), False, True)
    host = parts.hostname or "unknown"
    return Place(host, _is_loopback(host), False)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Asker:
    """A chat client as a person may judge it.

    `name` is what to call it in a sentence. `claimed` is the name it gives itself, where nobody vouches
    for that; `vouched` is the host that does. `returns` is where answers go.
    """

    name: str
    claimed: str
    vouched: str
    returns: Place

    @property
    def headline(self) -> str:
        """The subject of "… wants to use your Spotify through Valet"."""
        return self.name[:1].upper() + self.name[1:]


def asker(name: str, kind: str, client_id: str, redirect_uri: str) -> Asker:
    """The asker of a client's record. One that registered itself is called by its place, not by its claim."""
    returns = place(redirect_uri)
    shown = shown_name(name, "")
    if kind == "personal":
        return Asker(f"your token “{shown}”", "", "", returns)
    if kind == "dcr" or not shown:
        return Asker(returns.phrase, shown, "", returns)
    vouched = place(client_id).host if kind == "cimd" else ""
    return Asker(shown, "", vouched, returns)


def ours(service: Service, level: Level) -> frozenset[str]:
    """Our scopes of a level; write includes read, and both are named."""
    held = LEVELS[1 : LEVELS.index(level) + 1]
    return frozenset(f"{service.name}:{name}" for name in held)


def asked_level(service: Service, scopes: frozenset[str]) -> Level:
    """The level our scopes ask for."""
    if f"{service.name}:write" in scopes:
        return "write"
    return "read" if f"{service.name}:read" in scopes else "off"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is allowed, in words: `may` completes "It may …"."""

    service: str
    may: str


def lines(provider: Provider, scopes: frozenset[str], later: Iterable[str] = ()) -> list[Line]:
    """What exactly these scopes of ours allow Valet at this provider, one line each; read before write.

    `later` are upstream scopes of which those that connecting never asks for are named too.
    """
    found, more = [], provider.least(later)
    for service in provider.services:
        for level, access in (("read", service.read), ("write", service.write)):
            if f"{service.name}:{level}" in scopes:
                found.append(Line(service.title, may(access.sentence)))
        found += [Line(service.title, may(each.sentence)) for each in service.later if each.scopes <= more]
    return found


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that belong together, under the title of their service where there are several services."""

    title: str
    lines: tuple[str, ...]


def grouped(found: Sequence[Line]) -> list[Group]:
    """The lines by service where they are of several; else each for itself."""
    by_service: dict[str, list[str]] = {}
    for line in found:
        by_service.setdefault(line.service, []).append(line.may)
    if len(by_service) == 1:
        return [Group("", (line.may,)) for line in found]
    return [Group(title, tuple(each)) for title, each in by_service.items()]


def may(sentence: str) -> str:
    """A record's sentence (`See what is playing.`) as it stands after "It may"."""
    return sentence[:1].lower() + sentence[1:]
