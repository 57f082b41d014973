"""What a person reads where a file did not get to where it should."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from connect.pages import Refusal, Step
from providers.base import (
    Conflict,
    GrantRejected,
    NotFound,
    Provider,
    ProviderError,
    RateLimited,
    Rejected,
    ScopeMissing,
    Unavailable,
)
from providers.streaming import TOO_LARGE
from vault.errors import ConnectionExpired, NotConnected, VaultError
from vault.transfers import Fault

_STANDS = "Nothing was moved, and the link stands as it did."
_ANEW = "Ask for a new link in your chat."
_ACCOUNT = Step("Go to your account page", "/account")

_FAULTS: Mapping[Fault, tuple[int, str, str]] = {
    "unknown": (404, "There is no such link", "It may have been cut short, or it ended some time ago."),
    "used": (
        410,
        "This link was used",
        "It is good for one file, once. If that was not you, somebody else had the link.",
    ),
    "expired": (410, "This link has ended", "It stood for a quarter of an hour."),
    "ended": (
        410,
        "This link has ended",
        "The chat that it was made for may not do this any more, or the account was disconnected.",
    ),
}


def fault(word: Fault) -> Refusal:
    """Why a link is no good."""
    return Refusal(*_FAULTS[word], _ANEW, missed=word == "unknown")


def page(error: ProviderError | VaultError, provider: Provider, *, unsure: bool) -> Refusal:
    """The page for what went wrong. `unsure`: nobody knows whether the file got there."""
    title = provider.title
    if unsure:
        return Refusal(
            502,
            f"{title} did not say whether it has the file",
            "It may be there, and it may not. The link is used up.",
            f"Look in {title} before you send it again.",
        )
    for kind, _, build in _TABLE:
        if isinstance(error, kind):
            return build(error, provider)
    return Refusal(502, f"{title} is not answering", _STANDS, "Try again in a minute.")


def code(error: BaseException) -> str:
    """The same as a word for the activity (`words.py`)."""
    word = next((word for kind, word, _ in _TABLE if isinstance(error, kind)), "cancelled")
    return "provider_error" if isinstance(error, Unavailable) else word


def slow() -> Refusal:
    """The page for a file that took too long."""
    return Refusal(408, "That took too long", _STANDS, "Try again, or on a faster line.")


def _expired(_: Any, provider: Provider) -> Refusal:
    return Refusal(409, f"{provider.title} must be connected again", _STANDS, _ACCOUNT)


def _unconnected(_: Any, provider: Provider) -> Refusal:
    title = f"That {provider.title} account is connected no more"
    return Refusal(410, title, "Nothing was moved.", _ACCOUNT)


def _scope(_: Any, provider: Provider) -> Refusal:
    return Refusal(403, f"{provider.title} does not allow this", _STANDS, "Ask in your chat what is missing.")


def _absent(_: Any, provider: Provider) -> Refusal:
    sentence = f"{provider.title} has it no more, or Valet may not see it. {_STANDS}"
    return Refusal(404, "That file is not there", sentence, "Ask in your chat to look for it.")


def _limited(error: RateLimited, provider: Provider) -> Refusal:
    minutes = max(1, math.ceil(error.retry_after / 60))
    wait = "a minute" if minutes == 1 else f"{minutes} minutes"
    return Refusal(503, f"{provider.title} is too busy", _STANDS, f"Try again in {wait}.")


def _refused(error: Rejected | Conflict, provider: Provider) -> Refusal:
    if error.reason == TOO_LARGE:
        sentence = "A file may have 25 MB at most, and a mail no more with all that is in it."
        return Refusal(413, "That file is too large", f"{sentence} {_STANDS}", "Choose a smaller one.")
    reason = provider.reasons.get(error.reason)
    said = reason.sentence.format(title=provider.title) if reason else f"{provider.title} does not take it."
    return Refusal(409, "That was refused", f"{said} {_STANDS}", "Go back to your chat.")


_TABLE: tuple[tuple[type[Exception], str, Callable[[Any, Provider], Refusal]], ...] = (
    (GrantRejected, "reauth_required", _expired),
    (ConnectionExpired, "reauth_required", _expired),
    (NotConnected, "not_connected", _unconnected),
    (ScopeMissing, "scope_missing", _scope),
    (NotFound, "not_found", _absent),
    (RateLimited, "rate_limited", _limited),
    (Rejected, "conflict", _refused),
    (Conflict, "conflict", _refused),
)
