"""Reading what somebody pasted about an app, and asking the provider at once whether it knows the app."""

from __future__ import annotations

import re
from collections.abc import Mapping

import structlog
from pydantic import SecretStr

from providers.base import App, AppRejected, Dashboard, Provider, ProviderError, Rejected
from providers.oauth import OAuth

_log = structlog.get_logger(__name__)

_LONGEST = 300
_WORD = re.compile(r"[\x21-\x7e]+")
"""What a client id or secret is made of (RFC 6749 appendix A.1, A.2, and never a space in practice)."""


class BadApp(Exception):
    """What was pasted is no app that works. `str()` is a sentence for whoever pasted it; it quotes nothing.

    `passing`: it could not be found out; the same values may do in a minute.
    """

    def __init__(self, sentence: str, *, passing: bool = False) -> None:
        super().__init__(sentence)
        self.passing = passing


class AppCheck:
    """Checks apps before they are kept. `public_url` has no trailing slash."""

    def __init__(self, oauth: OAuth, public_url: str) -> None:
        self._oauth = oauth
        self._public_url = public_url

    def redirect_uri(self, provider: Provider) -> str:
        """The address that has to be registered at the provider, letter by letter."""
        return f"{self._public_url}/callback/{provider.name}"

    async def tested(self, provider: Provider, fields: Mapping[str, object]) -> App:
        """The app of a form's `client_id` and `client_secret`, known to the provider. Raises BadApp.

        Its redirect URI is known to be right only once somebody has been there and back.
        """
        app = read(provider, fields)
        try:
            await self._oauth.check(provider, app, self.redirect_uri(provider))
        except ProviderError as error:
            _log.info("app_check_failed", provider=provider.name, error=type(error).__name__)
            raise _unknown(provider, app, error) from None
        _log.info("app_checked", provider=provider.name)
        return app


def read(provider: Provider, fields: Mapping[str, object]) -> App:
    """The app of a form, as far as its fields can be one. Raises BadApp."""
    title = provider.title
    client_id, secret = (str(fields.get(name, "")).strip() for name in ("client_id", "client_secret"))
    looks = provider.dashboard or Dashboard("", (), 0)
    if not client_id:
        raise BadApp(f"Paste the client ID that {title} shows in the app’s settings.")
    if "://" in client_id or client_id.startswith("www."):
        raise BadApp(
            "That is an address. The client ID is the row of letters and digits in the app’s settings."
        )
    for value, name in ((client_id, "client ID"), (secret, "client secret")):
        if value and (len(value) > _LONGEST or not _WORD.fullmatch(value)):
            raise BadApp(f"A {name} is one row of letters and digits, without spaces. Copy it once more.")
    if client_id == secret or re.fullmatch(looks.secret_is, client_id):
        raise BadApp("That is the client secret where the client ID belongs. Each has its own field.")
    if re.fullmatch(looks.id_is, secret):
        raise BadApp("That is a client ID where the secret belongs. Each has its own field.")
    if not secret and not looks.secret_optional:
        raise BadApp(f"{title} also gives a client secret, and wants it with the ID. Paste both.")
    return App("", client_id, SecretStr(secret) if secret else None)


def _unknown(provider: Provider, app: App, error: ProviderError) -> BadApp:
    title = provider.title
    if isinstance(error, AppRejected):
        if app.client_secret is None:
            return BadApp(
                f"{title} knows no app with this client ID. Make sure that it is the ID and not the secret, "
                "and that the app was not deleted."
            )
        return BadApp(f"{title} does not take this client ID together with this secret. Copy both once more.")
    if isinstance(error, Rejected) and error.reason == "redirect_uri_mismatch":
        return BadApp(
            f"{title} knows the app, but not the address to come back to. Add it there as shown above, "
            "letter by letter, and try again."
        )
    if isinstance(error, Rejected):
        return BadApp(f"{title} refuses this app. Look there whether it is switched on, and try again.")
    return BadApp(
        f"{title} did not answer, so the app could not be tested. Try again in a minute.", passing=True
    )
