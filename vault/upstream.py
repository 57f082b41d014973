"""What the vault asks of a provider. It is given this; it opens no socket itself."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from pydantic import SecretStr

from providers.base import App, TokenSet


class Upstream(Protocol):
    """The calls the vault makes to a provider, and what it must know of one.

    `app` is the ref of an app of the operator's, or a person's own app, which the vault has opened.
    """

    async def refresh(self, provider: str, app: App | str, refresh_token: SecretStr) -> TokenSet:
        """Spend a refresh token. Raises ProviderError."""
        ...

    async def revoke(self, provider: str, app: App | str, token: SecretStr) -> bool:
        """Tell the provider to end a grant; False where it can't be told. Raises ProviderError."""
        ...

    def sweeping(self, provider: str) -> bool:
        """Whether ending one token there ends everything that the account granted the app."""
        return False


class Granted(Protocol):
    """What a grant at a provider stands on."""

    @property
    def owner(self) -> UUID:
        """The person."""
        ...

    @property
    def provider(self) -> str:
        """The provider's name."""
        ...

    @property
    def app(self) -> str:
        """The ref of the app that it was given to."""
        ...

    @property
    def account_index(self) -> bytes:
        """The keyed hash of the account that gave it."""
        ...
