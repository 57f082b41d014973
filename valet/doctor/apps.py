"""The apps at providers: whether each provider knows ours, as far as that can be told without a person."""

from __future__ import annotations

import asyncio

from connect.appcheck import BadApp, read
from providers.base import App, AppRejected, Provider, ProviderError, Rejected
from providers.http import Http
from providers.oauth import OAuth
from providers.oidc import Discovery
from valet.doctor.finding import Finding, fault, note, ok, warning
from valet.doctor.patient import Patient


async def look(at: Patient) -> list[Finding]:
    """Each provider's app; providers that have none are named."""
    if at.mode == "demo" and not at.running:
        return []  # its emulator is a part of it
    found = await asyncio.gather(
        *(_app(at, provider, at.apps[provider.name]) for provider in at.known if provider.name in at.apps)
    )
    unset = [each for each in at.known if each.name not in at.apps and each.name not in at.settings.owning]
    missing = [note(f"{each.title} is not set up", "valet setup") for each in unset]
    return [*(each for several in found for each in several), *missing]


async def _app(at: Patient, provider: Provider, app: App) -> list[Finding]:
    title, redirect = provider.title, f"{at.origin}/callback/{provider.name}"
    secret = app.client_secret.get_secret_value() if app.client_secret else ""
    names = f"{provider.client_id_setting}, {provider.client_secret_setting}, or valet setup"
    try:
        if at.settings.emulator_origin is None:
            read(provider, {"client_id": app.client_id, "client_secret": secret})
        record = await Discovery(Http(at.transport)).complete(provider)
        await OAuth(at.transport).check(record, app, redirect)
    except BadApp as error:
        return [fault(f"{title}: {error}", names)]
    except AppRejected:
        return [
            fault(
                f"{title} does not take this client id together with this secret", f"copy both anew: {names}"
            )
        ]
    except Rejected as error:
        if error.reason == "redirect_uri_mismatch":
            return [
                fault(
                    f"{title} knows the app, and not the address to come back to",
                    f"register there: {redirect}",
                )
            ]
        return [fault(f"{title} refuses the app", f"look there whether it is switched on; {names}")]
    except ProviderError:
        return [warning(f"{title} can't be reached from here", "let this machine reach its hosts by https")]
    said = [ok(f"{title} knows the app; its redirect URI is {redirect}")]
    if len(provider.services) > 1 and at.settings.emulator_origin is None:
        said.append(note(f"which APIs are enabled at {title} can't be told without a person: docs/google.md"))
    return said
