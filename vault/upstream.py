"""What the vault asks of a provider. It is given this; it opens no socket itself."""

from __future__ import annotations

from typing import Protocol

from pydantic import SecretStr

from providers.base import TokenSet


class Upstream(Protocol):
    """The calls the vault makes to a provider, and what it must know of one."""

    async def refresh(self, provider: str, app: str, refresh_token: SecretStr) -> TokenSet:
        """Spend a refresh token. Raises ProviderError."""
        ...

    async def revoke(self, provider: str, app: str, token: SecretStr) -> bool:
        """Tell the provider to end a grant; False where it can't be told. Raises ProviderError."""
        ...

    def sweeping(self, provider: str) -> bool:
        """Whether ending one token there ends everything that the account granted the app."""
        return False
