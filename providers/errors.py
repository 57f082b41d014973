"""What can go wrong with a call to an upstream.

    ProviderError                     provider, operation; never an upstream body or a token
     ├ GrantRejected                  invalid_grant: the person must connect again
     ├ AppRejected                    invalid_client: the app is wrong; no user is touched
     ├ ScopeMissing(scopes)           granted less than the call needs
     ├ NotFound · Conflict · Rejected(reason)   the caller can fix it
     ├ RateLimited(retry_after)
     └ Unavailable                    timeout, 5xx, unreadable answer

`reason` is a machine word from the provider's own documented list (`NO_ACTIVE_DEVICE`), never free text.
`own`: the call went through an app that a person brought, so what is wrong with that app is theirs to mend.
"""

from __future__ import annotations

from datetime import datetime


class ProviderError(Exception):
    """An upstream call failed. `str()` names provider and operation only."""

    def __init__(self, provider: str, operation: str, detail: str = "") -> None:
        super().__init__(f"{provider} {operation}" + (f": {detail}" if detail else ""))
        self.provider = provider
        self.operation = operation


class GrantRejected(ProviderError):
    """`invalid_grant`: the refresh token or code is dead. Only the person can mend it."""


class AppRejected(ProviderError):
    """`invalid_client` and its kin: the app's registration is wrong, for every user of it.

    `own`: it is the app that a person brought, and theirs alone.
    """

    def __init__(self, provider: str, operation: str, detail: str = "", *, own: bool = False) -> None:
        super().__init__(provider, operation, detail)
        self.own = own


class ScopeMissing(ProviderError):
    """The person granted less than this call needs; `scopes` are the upstream scopes that are missing.

    `held` are those that they did grant, as far as that is known. `why` is a whole sentence of ours on what
    came of that, where the scope alone does not tell.
    """

    def __init__(
        self,
        provider: str,
        operation: str,
        scopes: frozenset[str],
        held: frozenset[str] = frozenset(),
        why: str = "",
    ) -> None:
        super().__init__(provider, operation, "missing " + " ".join(sorted(scopes)))
        self.scopes = scopes
        self.held = held
        self.why = why


class NotFound(ProviderError):
    """The upstream says there is no such thing."""

    def __init__(self, provider: str, operation: str, reason: str = "") -> None:
        super().__init__(provider, operation, reason)
        self.reason = reason


class Conflict(ProviderError):
    """The upstream's state changed underneath, or the thing exists already; `reason` may tell which."""

    def __init__(self, provider: str, operation: str, reason: str = "") -> None:
        super().__init__(provider, operation, reason)
        self.reason = reason


class Rejected(ProviderError):
    """The upstream refuses the call as made; `reason` is its machine word, `message` our own sentence."""

    def __init__(
        self, provider: str, operation: str, reason: str, message: str = "", *, own: bool = False
    ) -> None:
        super().__init__(provider, operation, reason)
        self.reason = reason
        self.message = message
        self.own = own


class RateLimited(ProviderError):
    """Too many requests; `retry_after` is in seconds. `reason` tells a spent quota from a burst.

    `until` is set where it is the limit of a whole app: then nothing is sent for anybody of that app before.
    `of` says what is limited, where that is not all that the app may do: "searches of YouTube".
    """

    def __init__(
        self,
        provider: str,
        operation: str,
        retry_after: float,
        reason: str = "",
        *,
        until: datetime | None = None,
        own: bool = False,
        of: str = "",
    ) -> None:
        super().__init__(provider, operation, f"retry after {retry_after:g} s")
        self.retry_after = retry_after
        self.reason = reason
        self.until = until
        self.own = own
        self.of = of


class Unavailable(ProviderError):
    """No usable answer: a timeout, a 5xx, a closed connection, an unreadable body.

    `ambiguous` says that the upstream may have acted on the request all the same (the answer was lost or
    unreadable). False where it never got the request, or said itself that it failed. `retry_after` is in
    seconds, where it is known when it is worth another try.
    """

    def __init__(
        self,
        provider: str,
        operation: str,
        detail: str = "",
        *,
        ambiguous: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(provider, operation, detail)
        self.ambiguous = ambiguous
        self.retry_after = retry_after
