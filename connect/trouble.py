"""What a person reads where a trip to a provider ended without what they went for.

One sentence for each way it can end: what happened, what was not lost, the one thing to do next. What the
provider itself says is only ever compared with the words below, never shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from connect.pages import Refusal, Step
from providers.base import (
    AppRejected,
    GrantRejected,
    ProviderError,
    RateLimited,
    Rejected,
    Unavailable,
)
from vault.apps import OWN

if TYPE_CHECKING:
    from connect.trip import Errand


@dataclass(frozen=True, slots=True)
class _Words:
    """A page with the provider's title and our redirect address left open.

    `again`: its step is a button, to where the trip is started afresh or to the page `at`. `missed`: what was
    presented is good for nothing.
    """

    status: int
    title: str
    sentence: str
    step: str
    again: bool = True
    at: str = ""
    missed: bool = False

    def page(self, errand: Errand, redirect_uri: str) -> Refusal:
        """The page for this errand."""
        title = errand.provider.title
        step = self.step.format(title=title, redirect=redirect_uri)
        return Refusal(
            self.status,
            self.title.format(title=title),
            self.sentence.format(title=title),
            Step(step, self.at.format(name=errand.provider.name) or errand.again) if self.again else step,
            missed=self.missed,
        )


_KEPT = "Nothing was changed, and what was connected before still is."
_DOWN = _Words(
    502,
    "{title} is not answering",
    "It could not be reached, or gave no answer that could be read. " + _KEPT,
    "Try again in a minute",
)
_TROUBLED = _Words(
    502,
    "{title} has trouble of its own",
    "It says that it can't do this right now. " + _KEPT,
    "Try again in a minute",
)
_BUSY = _Words(
    502,
    "{title} is too busy",
    "It takes no more requests for the moment. " + _KEPT,
    "Try again in a few minutes",
)
_APP = _Words(
    502,
    "{title} does not accept this Valet",
    "The app that Valet is registered as at {title} is set up wrong. " + _KEPT,
    "Tell whoever runs this Valet: the client id and secret for {title} are not accepted.",
    again=False,
)
_OWN = _Words(
    502,
    "{title} does not accept your own app",
    "Its client ID or secret is no longer good there. " + _KEPT,
    "Look after your app",
    at="/account/apps/{name}",
)
_ADDRESS = _Words(
    502,
    "{title} does not know the way back here",
    "The app that Valet is registered as at {title} names another address to return to. " + _KEPT,
    "Tell whoever runs this Valet: the redirect URI of the app at {title} must be exactly {redirect}",
    again=False,
)
_OWN_ADDRESS = _Words(
    502,
    "{title} does not know the way back here",
    "Your own app there names another address to return to. " + _KEPT,
    "In your app’s settings at {title}, add exactly this address: {redirect}",
    again=False,
)
_ASKED = _Words(
    502,
    "{title} refuses what Valet asks for",
    "It does not give its app here what these services need. " + _KEPT,
    "Tell whoever runs this Valet: the app at {title} may not ask for one of its scopes.",
    again=False,
)
_UNSEEN = _Words(
    502,
    "{title} wants to see you first",
    "It asks you to sign in or to choose something on its own page. " + _KEPT,
    "Try again, and answer there",
)
_HOUSE = _Words(
    403,
    "Your organisation does not allow this at {title}",
    "Whoever looks after that account has closed it to apps such as this Valet. " + _KEPT,
    "Use another account, or ask them to allow it",
)
_SPENT = _Words(
    502,
    "{title} took its answer back",
    "What it sent with you was no longer good when we used it. " + _KEPT,
    "Try again",
    missed=True,
)
_ODD = _Words(
    502, "{title} did not finish this", "It gave no answer we could use. " + _KEPT, "Try again in a minute"
)

_OF_ONES_OWN = {_APP: _OWN, _ADDRESS: _OWN_ADDRESS}
"""What is the person's to mend, and not the operator's, where they came through an app of their own."""

_SAID = {
    # RFC 6749 §4.1.2.1
    "server_error": _TROUBLED,
    "temporarily_unavailable": _TROUBLED,
    "invalid_request": _APP,
    "unauthorized_client": _APP,
    "unsupported_response_type": _APP,
    "invalid_scope": _ASKED,
    # RFC 6749 §5.2, which some send here too; the others are Google's
    "invalid_client": _APP,
    "deleted_client": _APP,
    "disabled_client": _APP,
    "redirect_uri_mismatch": _ADDRESS,
    "admin_policy_enforced": _HOUSE,
    "org_internal": _HOUSE,
    # OpenID Connect Core 1.0 §3.1.2.6
    "interaction_required": _UNSEEN,
    "login_required": _UNSEEN,
    "consent_required": _UNSEEN,
    "account_selection_required": _UNSEEN,
}


def said(errand: Errand, word: str, redirect_uri: str) -> Refusal:
    """The page for an `error` that the provider sent back with the person, or for no answer at all."""
    return _page(_SAID.get(word, _ODD), errand, redirect_uri)


def _page(words: _Words, errand: Errand, redirect_uri: str) -> Refusal:
    if errand.app.startswith(OWN):
        words = _OF_ONES_OWN.get(words, words)
    return words.page(errand, redirect_uri)


def failed(errand: Errand, error: ProviderError, redirect_uri: str) -> Refusal:
    """The page for what went wrong when we used the provider's answer."""
    if isinstance(error, AppRejected):
        words = _APP
    elif isinstance(error, GrantRejected) and error.operation == "exchange":
        words = _SPENT
    elif isinstance(error, Unavailable):
        words = _DOWN
    elif isinstance(error, RateLimited):
        words = _BUSY
    elif isinstance(error, Rejected):
        return _refused(errand, error, redirect_uri)
    else:
        words = _ODD
    return _page(words, errand, redirect_uri)


def _refused(errand: Errand, error: Rejected, redirect_uri: str) -> Refusal:
    reason = errand.provider.reasons.get(error.reason)
    if reason is not None and reason.told is not None:
        told = reason.told
        step = told.own if told.own and errand.app.startswith(OWN) else told.step
        return Refusal(403, told.title, told.sentence, step)
    if error.message:
        title = f"{errand.provider.title} did not finish this"
        return Refusal(502, title, error.message, Step("Try again", errand.again))
    return said(errand, error.reason, redirect_uri)


def declined(errand: Errand) -> Refusal:
    """They said no at the provider."""
    title = f"You did not connect {errand.provider.title}"
    if errand.back.startswith("/consent"):
        return Refusal(403, title, "Nothing was changed.", Step("Go back to the request", errand.back))
    if errand.back:
        return Refusal(403, title, "Nothing was changed.", Step("Back to your account page", errand.back))
    step = Step("Try again", errand.again)
    return Refusal(403, title, "Nothing was changed. You can go back to your chat.", step)
