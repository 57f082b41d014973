"""What a consent gave, read from the token answer and from what was asked."""

from __future__ import annotations

from datetime import timedelta

from providers.base import TokenSet
from vault.store.leases import SealedConnection


def granted(tokens: TokenSet, asked: frozenset[str], before: SealedConnection | None) -> frozenset[str]:
    """The upstream scopes: those the answer names, else what was `asked` (RFC 6749 §5.1) and what the row
    `before` had, where the consent adds to it.
    """
    if tokens.scopes is not None:
        return tokens.scopes
    return asked.union(before.scopes if before is not None and before.status == "active" else ())


def shortest(lifetime: timedelta | None, said: float | None) -> float | None:
    """Seconds a grant lives: the provider's rule or what its answer says, whichever ends first."""
    rule = None if lifetime is None else lifetime.total_seconds()
    return min((seconds for seconds in (rule, said) if seconds is not None), default=None)
