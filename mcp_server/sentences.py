"""The one table: which error a model hears, under which code, in which words.

A class that is not in the table (nor any of its bases) is never spoken: the seam masks it. `Sealed`
is left out on purpose, it is an alarm for the operator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mcp_server.errors import Refusal, Unconfigured, Wanted
from mcp_server.ports import Directory
from providers.base import (
    QUOTA,
    Access,
    AppRejected,
    Code,
    Conflict,
    GrantRejected,
    NotFound,
    RateLimited,
    Reason,
    Rejected,
    ScopeMissing,
    Unavailable,
)
from vault.errors import Busy, ConnectionExpired, NotConnected
from vault.health import why


@dataclass(frozen=True, slots=True)
class Spoken:
    """What the model reads. `retry_after` is in seconds, where waiting helps."""

    code: Code
    text: str
    retry_after: float | None = None


Builder = Callable[[Any, str], Spoken]
"""`(error, provider title) -> Spoken`."""

# What comes from the HTTP call itself; a provider's own words are in its record.
_REASONS: Mapping[str, Reason] = {
    "HTTP_400": Reason("invalid_argument", "{title} does not understand this request. Check the ids in it."),
    "UNSENDABLE": Reason(
        "invalid_argument", "That text can't be sent to {title}. Make it shorter or simpler."
    ),
}


def _not_connected(_: NotConnected, title: str) -> Spoken:
    return Spoken("not_connected", f"{title} is not connected yet.")


def _expired(error: ConnectionExpired | GrantRejected, title: str) -> Spoken:
    because = why(error.reason if isinstance(error, ConnectionExpired) else None)
    return Spoken(
        "reauth_required",
        f"{title} must be connected again: {because}. Nothing else was lost.",
    )


def _scope_missing(_: ScopeMissing, title: str) -> Spoken:
    return Spoken("scope_missing", f"The connected {title} account has not allowed this yet.")


def _wanted(_: Wanted, title: str) -> Spoken:
    return Spoken("not_connected", f"{title} is waiting to be connected in the browser.")


def _rate_limited(error: RateLimited, title: str) -> Spoken:
    seconds = max(1, math.ceil(error.retry_after))
    text = f"{_too_many(error, title)} Try again in {in_words(seconds)}; trying sooner does not help."
    return Spoken("rate_limited", text, retry_after=float(seconds))


def _too_many(error: RateLimited, title: str) -> str:
    """Whose limit it is: of the app, so of everybody who is connected by it, or nobody knows."""
    whose = f"the {title} app that this person brought" if error.own else f"this server's {title} app"
    if error.until is None:
        return (
            f"The quota of {whose} is used up for now."
            if error.reason == QUOTA
            else f"{title} is receiving too many requests from this server."
        )
    until = f"until {_clock(error.until)}"
    if error.of:
        return f"The {error.of} that {whose} has in a day are used up, for everybody in it, {until}."
    if error.reason != QUOTA:
        return f"{title} is receiving too many requests from {whose} and serves nobody through it {until}."
    if error.own:
        return f"The quota of {whose} is used up, and so of all apps of the same developer account, {until}."
    return f"The quota of {whose} is used up, for everybody who is connected by it, {until}."


def _clock(moment: datetime) -> str:
    """`21:40 UTC on 28 November`: not before it is over, so rounded up to the minute."""
    whole = moment.astimezone(UTC).replace(second=0, microsecond=0)
    shown = whole if whole == moment else whole + timedelta(minutes=1)
    return f"{shown:%H:%M} UTC on {shown.day} {shown:%B}"


def in_words(seconds: int) -> str:
    """A time to wait: seconds, minutes or hours, as a person would say it."""
    if seconds < 120:
        return "a second" if seconds == 1 else f"{seconds} seconds"
    return f"{round(seconds / 60)} minutes" if seconds < 7200 else f"about {round(seconds / 3600)} hours"


def _busy(error: Busy, _: str) -> Spoken:
    return Spoken(
        "provider_error",
        "Valet is busy with the same account. Try again in a moment.",
        retry_after=error.retry_after,
    )


def _unavailable(error: Unavailable, title: str) -> Spoken:
    seconds = None if error.retry_after is None else max(1, math.ceil(error.retry_after))
    when = "in a moment" if seconds is None else f"in {in_words(seconds)}"
    after = (
        "It may have happened all the same: look before you repeat it."
        if error.ambiguous
        else f"Nothing was changed; try again {when}."
    )
    again = None if seconds is None or error.ambiguous else float(seconds)
    return Spoken("provider_error", f"{title} did not give a usable answer. {after}", retry_after=again)


def _app_rejected(error: AppRejected, title: str) -> Spoken:
    if error.own:
        return Spoken(
            "provider_error",
            f"{title} refuses the app that this person brought for it. Only they can mend it: on their "
            "account page, under Own apps. Connecting again does not help before that.",
        )
    return Spoken(
        "provider_error",
        f"{title} refuses the app that this server is registered with, for everybody. Only the operator can "
        f"mend it: check the {title} client id and secret, by `valet setup` or in the settings. Connecting "
        "again does not help.",
    )


def _unconfigured(error: Unconfigured, _: str) -> Spoken:
    return Spoken("provider_error", unset_sentence(error.title, error.settings))


def unset_sentence(title: str, settings: tuple[str, ...]) -> str:
    """What the operator must do about a provider without an app."""
    named = f", or set {' and '.join(settings)}" if settings else ""
    return (
        f"{title} is not set up on this server. The operator must register an app there and run `valet setup`"
        f"{named}; until then nobody can connect it here."
    )


def _not_found(_: NotFound, title: str) -> Spoken:
    return Spoken(
        "not_found",
        f"{title} has nothing under that id. Search for it again and use the id from the result.",
    )


def _conflict(_: Conflict, title: str) -> Spoken:
    return Spoken("conflict", f"It changed at {title} meanwhile. Read it again, then repeat the change.")


def _rejected(error: Rejected, title: str) -> Spoken:
    return Spoken("conflict", error.message or f"{title} does not allow this right now.")


def _refusal(error: Refusal, _: str) -> Spoken:
    return Spoken(error.code, error.sentence)


TABLE: dict[type[Exception], Builder] = {
    NotConnected: _not_connected,
    ConnectionExpired: _expired,
    GrantRejected: _expired,
    ScopeMissing: _scope_missing,
    Wanted: _wanted,
    RateLimited: _rate_limited,
    Busy: _busy,
    Unavailable: _unavailable,
    AppRejected: _app_rejected,
    Unconfigured: _unconfigured,
    NotFound: _not_found,
    Conflict: _conflict,
    Rejected: _rejected,
    Refusal: _refusal,
}


def title_of(directory: Directory, name: str) -> str:
    """The provider's name as people write it; its own name where it is not configured here."""
    try:
        return directory.get(name).title
    except KeyError:
        return name.capitalize() or "The provider"


def speak(error: BaseException, directory: Directory) -> Spoken | None:
    """The sentence for `error`, or None where it must be masked."""
    builder = next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), None)
    if builder is None:
        return None
    name = getattr(error, "provider", "")
    if isinstance(error, ScopeMissing):
        lacks = _lacking(error, directory) or builder(error, title_of(directory, name))
        return Spoken(lacks.code, f"{error.why} {lacks.text}".strip())
    return _known(error, name, directory) or builder(error, title_of(directory, name))


def _lacking(error: ScopeMissing, directory: Directory) -> Spoken | None:
    """What exactly was not allowed, in the words that its person read when they were asked."""
    try:
        record = directory.get(error.provider)
    except KeyError:
        return None
    lacks = [
        access
        for service in record.services
        for access in (service.read, service.write, *service.later)
        if access.scopes & error.scopes
    ]
    if not lacks:
        return None
    held = record.widened(error.held)
    never = [_begun(access) for access in lacks if not access.scopes & held]
    partly = [_begun(access) for access in lacks if access.scopes & held]
    said = [f"Valet may not {'; nor '.join(never)}"] if never else []
    said += [f"Valet may do only a part of this so far: {'; '.join(partly)}"] if partly else []
    plain = _scope_missing(error, record.title)
    return Spoken(plain.code, f"{plain.text.rstrip('.')}: {'. And '.join(said)}.")


def _begun(access: Access) -> str:
    """Its sentence as it goes on after "may"."""
    return access.sentence[:1].lower() + access.sentence[1:].rstrip(".")


def _known(error: BaseException, name: str, directory: Directory) -> Spoken | None:
    """What the machine word in a refusal comes to: the provider's record knows its own, we the rest."""
    if not isinstance(error, Rejected | NotFound | Conflict):
        return None
    try:
        record = directory.get(name)
    except KeyError:
        return None
    reason = record.reasons.get(error.reason) or _REASONS.get(error.reason)
    if reason is None:
        return None
    if isinstance(error, Rejected) and error.message:
        return Spoken(reason.code, error.message)
    own = reason.own if isinstance(error, Rejected) and error.own else ""
    return Spoken(reason.code, (own or reason.sentence).format(title=record.title))
