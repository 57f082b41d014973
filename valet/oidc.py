"""The operator's own OpenID provider, as the settings name it."""

from __future__ import annotations

from collections.abc import Mapping

from providers.base import Provider
from providers.oidc import is_address, record

DEMO = {"OIDC_ISSUER": "https://id.emulator.example", "OIDC_TITLE": "House ID"}
"""The settings of the demo: the emulator's own provider."""


def known(providers: tuple[Provider, ...], values: Mapping[str, str]) -> tuple[Provider, ...]:
    """The providers there are: those of the registry, and the one that OIDC_ISSUER names."""
    issuer, title = values.get("OIDC_ISSUER", "").strip(), values.get("OIDC_TITLE", "").strip()
    ours = any(provider.issuer == issuer for provider in providers)
    return providers if not issuer or ours else (*providers, record(issuer, title))


def known_in_demo(providers: tuple[Provider, ...]) -> tuple[Provider, ...]:
    """The providers that the demo has, whatever the settings say."""
    return known(providers, DEMO)


def rules(providers: tuple[Provider, ...], values: Mapping[str, str]) -> list[tuple[bool, str]]:
    """What can be wrong with the settings of it: whether it is, and a sentence."""
    issuer, client = values.get("OIDC_ISSUER", "").strip(), values.get("OIDC_CLIENT_ID", "").strip()
    twin = next((p for p in providers if issuer.rstrip("/") == p.issuer), None)
    bad = bool(issuer) and (not is_address(issuer) or "?" in issuer)
    return [
        (bad, "OIDC_ISSUER: give the issuer as your provider spells it, such as https://id.example.org"),
        (bool(issuer) and not client, "OIDC_CLIENT_ID: is missing; register Valet at your provider"),
        (bool(client) and not issuer, "OIDC_ISSUER: is missing; OIDC_CLIENT_ID alone names no provider"),
        (
            twin is not None,
            f"OIDC_ISSUER: {twin.title if twin else ''} is here already; use "
            f"{twin.client_id_setting if twin else ''} instead",
        ),
    ]
