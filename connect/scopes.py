"""Our scopes as words: `<service>:read` and `<service>:write`, where write includes read."""

from __future__ import annotations

from collections.abc import Iterable

from connect.oautherrors import OAuthError

_READ, _WRITE = ":read", ":write"


def covered(scopes: Iterable[str]) -> frozenset[str]:
    """The scopes and what they include."""
    held = frozenset(scopes)
    return held | {scope.removesuffix(_WRITE) + _READ for scope in held if scope.endswith(_WRITE)}


def spoken(scopes: Iterable[str]) -> str:
    """Scopes as a `scope` parameter (RFC 6749 §3.3)."""
    return " ".join(sorted(scopes))


def narrowed(scope: str | None, held: frozenset[str]) -> frozenset[str]:
    """The part of `scope` that is held; all of `held` where nothing was asked.

    Words nobody holds (`offline_access`, a scope of an older version) are passed over, as clients send
    them out of habit. Raises OAuthError (`invalid_scope`) where nothing is left.
    """
    if scope is None:
        return held
    wanted = frozenset(scope.split()) & covered(held)
    if not wanted and held:
        raise OAuthError(
            "invalid_scope", "None of these scopes can be given. Leave scope out to ask for all there are."
        )
    return wanted
