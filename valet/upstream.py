"""The refresh function that the vault is given: the OAuth client under the vault's two verbs."""

from __future__ import annotations

from pydantic import SecretStr

from providers.base import App, AppRejected, Provider, TokenSet
from providers.oauth import OAuth
from providers.registry import Registry, UnknownName


class RegisteredUpstream:
    """Finds the app that issued a connection and spends or revokes its tokens with it."""

    def __init__(self, oauth: OAuth, registry: Registry) -> None:
        self._oauth = oauth
        self._registry = registry

    async def refresh(self, provider: str, app: App | str, refresh_token: SecretStr) -> TokenSet:
        """Spend a refresh token. Raises ProviderError; AppRejected where the app is not configured."""
        try:
            record, registered = self._resolve(provider, app)
        except UnknownName:
            raise AppRejected(provider, "refresh", "the app is not configured") from None
        return await self._oauth.refresh(record, registered, refresh_token)

    async def revoke(self, provider: str, app: App | str, token: SecretStr) -> bool:
        """Tell the provider; False where it has no revocation or the app is gone. Raises ProviderError."""
        try:
            record, registered = self._resolve(provider, app)
        except UnknownName:
            return False
        return await self._oauth.revoke(record, registered, token)

    def sweeping(self, provider: str) -> bool:
        """Whether ending one token there ends everything that the account granted the app."""
        try:
            return self._registry.record(provider).revokes_all
        except UnknownName:
            return False

    def _resolve(self, provider: str, app: App | str) -> tuple[Provider, App]:
        if isinstance(app, App):
            return self._registry.record(provider), app
        return self._registry.record(provider), self._registry.app(provider, app)
