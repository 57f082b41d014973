"""Which app a trip to a provider goes through: the operator's, or the person's own."""

from __future__ import annotations

from uuid import UUID

from connect.pages import Refusal, Step
from providers.base import OPERATOR, App, Provider
from providers.registry import Registry, UnknownName
from vault.apps import OWN, Apps
from vault.errors import Sealed, UnknownApp


class AppChoice:
    """Resolves the refs of apps. A person's own app serves that person and nobody else."""

    def __init__(self, registry: Registry, apps: Apps) -> None:
        self._registry = registry
        self._apps = apps

    async def choose(self, provider: Provider, user: UUID | None, wanted: str = "") -> App:
        """The app to set out with: the `wanted` one while it stands, else the person's own, else the
        operator's. Raises Refusal where there is none.

        A connection is renewed through the app that issued it, hence `wanted`. `user` is None at sign-in,
        which is by the operator's app only.
        """
        if user is None:
            return await self.named(provider, None, OPERATOR)
        if wanted:
            try:
                return await self._find(provider, user, wanted)
            except (UnknownApp, UnknownName):
                pass
        try:
            return await self._apps.of(user, provider.name) or self._registry.app(provider.name, OPERATOR)
        except UnknownName:
            raise _none(provider) from None
        except Sealed:
            raise _unreadable(provider) from None

    async def named(self, provider: Provider, user: UUID | None, ref: str) -> App:
        """The app of that ref, for that person. Raises Refusal where it is gone, or another's."""
        try:
            return await self._find(provider, user, ref)
        except (UnknownApp, UnknownName):
            raise gone(provider) from None

    async def _find(self, provider: Provider, user: UUID | None, ref: str) -> App:
        if not ref.startswith(OWN):
            return self._registry.app(provider.name, ref)
        if user is None:
            raise UnknownApp(provider.name)
        try:
            return await self._apps.app(user, provider.name, ref)
        except Sealed:
            raise _unreadable(provider) from None


def gone(provider: Provider) -> Refusal:
    """The app was deleted, or taken out of the settings, while somebody was on their way."""
    return Refusal(
        410,
        f"That {provider.title} app is gone",
        "The app that you set out with was removed meanwhile. Nothing was connected.",
        Step("Start again from your account page", "/account"),
    )


def _none(provider: Provider) -> Refusal:
    return Refusal(
        404,
        f"{provider.title} needs an app of your own here",
        f"Whoever runs this Valet has no {provider.title} app to share. You can register one yourself in a "
        "few minutes. Nothing was changed so far.",
        Step("Use your own app", f"/account/apps/{provider.name}"),
    )


def _unreadable(provider: Provider) -> Refusal:
    return Refusal(
        409,
        f"Your own {provider.title} app can’t be read",
        "What rests of it here does not open, so it is not used. Nothing was changed.",
        Step("Delete it and add it again", f"/account/apps/{provider.name}"),
    )
