"""Our scopes as words: `<service>:read` and `<service>:write`, where write includes read."""

from __future__ import annotations

from collections.abc import Iterable

from connect.oautherrors import OAuthError

_READ, _WRITE = ":read", ":write"


def covered(scopes: Iterable[str]) -> frozenset[str]:
    """The scopes and what they include."""
    held = frozenset(scopes)
    return held | {scope.removesuffix(_WRITE) + _READ for scope in held if scope.endswith(_WRITE)}


def decided(asked: Iterable[str], chosen: Iterable[str]) -> frozenset[str]:
    """The scopes that an answer decides about: those asked for, and all of a service that was turned off.

    A service is off when nothing of it was chosen. It then loses what it was given before, though less was
    asked for now: who reads "it may not use your calendar" must be able to rely on it.
    """
    wanted = covered(asked)
    off = {_service(scope) for scope in wanted} - {_service(scope) for scope in chosen}
    return wanted | {service + ending for service in off for ending in (_READ, _WRITE)}


def _service(scope: str) -> str:
    return scope.removesuffix(_WRITE).removesuffix(_READ)


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
