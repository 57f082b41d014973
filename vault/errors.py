"""What can go wrong in the vault.

    VaultError
     ├ NotConnected(provider)             no usable connection: the person must connect
     ├ ConnectionExpired(provider, reason)  the grant died upstream: the person must connect again
     ├ LabelTaken(provider)               another account of the provider has that label
     ├ UnknownApp(provider)               the owner has no such app of their own there (any more)
     ├ AppInUse(provider)                 they have another one there; it goes first
     ├ PersonGone                         whom it was for was deleted meanwhile
     ├ Busy                               a lease or the database is taken: the same call may succeed later
     │  └ KeysAway                        what holds the keys does not answer, or may not
     └ Sealed                             alarms: logged and counted, never spoken
        ├ Tampered                        authentication failed: edited, swapped or rolled back
        ├ UnknownKey                      sealed under a key this ring does not hold
        └ Malformed                       not an envelope of any known format

Texts carry provider names and reasons, never a token, a label or an id of a person.
"""

from __future__ import annotations


class VaultError(Exception):
    """Base of everything the vault raises."""


class NotConnected(VaultError):
    """The owner has no connection of this provider (or none with this label)."""

    def __init__(self, provider: str, hint: str = "") -> None:
        super().__init__(f"no {provider} connection" + (f": {hint}" if hint else ""))
        self.provider = provider
        self.hint = hint


class ConnectionExpired(VaultError):
    """The provider no longer honours the grant; only the person can mend it by connecting again."""

    def __init__(self, provider: str, reason: str) -> None:
        super().__init__(f"the {provider} connection needs reconnecting: {reason}")
        self.provider = provider
        self.reason = reason


class LabelTaken(VaultError):
    """The owner calls another account of the provider by that label."""

    def __init__(self, provider: str) -> None:
        super().__init__(f"another {provider} connection has that label")
        self.provider = provider


class UnknownApp(VaultError):
    """The owner has no such app at the provider, or it was deleted meanwhile."""

    def __init__(self, provider: str) -> None:
        super().__init__(f"no such {provider} app")
        self.provider = provider


class AppInUse(VaultError):
    """The owner has an app at the provider already, with another client id."""

    def __init__(self, provider: str) -> None:
        super().__init__(f"another {provider} app is in use")
        self.provider = provider


class PersonGone(VaultError):
    """Whom it was for was deleted or shut out while it was under way: nothing of it was kept."""

    def __init__(self) -> None:
        super().__init__("that person was deleted meanwhile")


class Busy(VaultError):
    """Another worker holds what this call needs, or the database is away; retry in a moment."""

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class KeysAway(Busy):
    """What holds the keys that wrap data keys does not answer, or may not; nothing that rests is lost."""


class Sealed(VaultError):
    """A sealed record does not open. An alarm for the operator; its detail is never spoken."""


class Tampered(Sealed):
    """The key is right and the record still does not open."""


class UnknownKey(Sealed):
    """The record names a key reference this process does not hold, even after re-reading the ring."""


class Malformed(Sealed):
    """The bytes are not an envelope of any format this version reads."""
