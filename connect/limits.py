"""How much of something the front door takes, and from whom: every number of it, with its reason.

All people of one chat service come from its few addresses, with its one client id. So what works is never
counted there: a good code, refresh token or link passes whatever others at the same address did. Counted by
address is what somebody nobody knows can do: being wrong, and making rows. Counted by person is what they do.
"""

from __future__ import annotations

from uuid import UUID

import structlog
from starlette.requests import Request

from connect.address import Proxies, client_address
from connect.witness import Witness
from vault.errors import Busy
from vault.store.limits import Limits, Rule

_log = structlog.get_logger(__name__)

MISSES = Rule("misses", burst=300, seconds=600)
"""By address: codes, tokens, secrets and links that we do not know, and sign-ins that are turned away.

What is guessed at has 256 random bits, so this is about noise and load, not about odds. 300, because a chat
service may come back with many ended tokens at once, after a restored backup for instance.
"""

REGISTRATIONS = Rule("registrations", burst=120, seconds=120)
"""By address: chat clients that register themselves.

A whole chat service does it from one address, so 60 in a minute must pass, every minute.
"""

REQUESTS = Rule("requests", burst=300, seconds=3600)
"""By address: requests to /authorize, each of which may make a row and fetch a client's document.

The address is the browser's, not the chat service's. A row waits an hour, so at most 600 of one address wait.
"""

ARRIVALS = Rule("arrivals", burst=120, seconds=600)
"""By address: forms sent by somebody who is not signed in, such as the first step of every sign-in.

120, for an office or a school behind one address.
"""

ACTIONS = Rule("actions", burst=120, seconds=120)
"""By person: forms sent by somebody who is signed in: consents, connecting, renaming, tokens.

Nobody clicks that fast for long.
"""

REFRESHES = Rule("refreshes", burst=300, seconds=150)
"""By person and client: refreshed tokens.

Claude Code refreshes before every request while a token has less than five minutes left, and six of its
processes may share one refresh token. Two in a second are fine for ever.
"""

RULES = (MISSES, REGISTRATIONS, REQUESTS, ARRIVALS, ACTIONS, REFRESHES)


class TooMany(Exception):
    """The limit is reached; `wait` is how many seconds until there is room again."""

    def __init__(self, wait: float) -> None:
        super().__init__("too many")
        self.wait = wait


class Gate:
    """Counts what comes to the front door. `trusted` are the proxies whose word on addresses is believed.

    `witness` hears of what was too much.
    """

    def __init__(self, limits: Limits, trusted: Proxies, witness: Witness) -> None:
        self._limits = limits
        self._trusted = trusted
        self._witness = witness

    async def missed(self, request: Request) -> float:
        """Count a request that presented something we do not know: 0.0, or the seconds it has to wait.

        Only after it turned out to be wrong, so nobody can close the door for those who have the right thing.
        Where the database is away nothing is counted: the request is refused all the same.
        """
        try:
            return await self._count(MISSES, request)
        except Busy:
            return 0.0

    async def registers(self, request: Request) -> None:
        """Before a client is registered. Raises TooMany, and Busy."""
        await self._by_address(REGISTRATIONS, request)

    async def asks(self, request: Request) -> None:
        """Before an authorize request is read. Raises TooMany, and Busy."""
        await self._by_address(REQUESTS, request)

    async def acts(self, request: Request, user: UUID | None) -> None:
        """Before a form of ours is acted on; `user` is who is signed in. Raises TooMany, and Busy."""
        if user is None:
            await self._by_address(ARRIVALS, request)
        else:
            await self._by_person(ACTIONS, str(user), user)

    async def refreshes(self, user: UUID, client_id: str) -> None:
        """Before a good refresh token is rotated. Raises TooMany, and Busy."""
        await self._by_person(REFRESHES, f"{user} {client_id}", user)

    async def _by_person(self, rule: Rule, subject: str, user: UUID) -> None:
        wait = await self._limits.take(rule, subject)
        if wait:
            self._witness.note("rate_limited", outcome="refused", user_id=user, detail=rule.name)
            _log.warning("too_many", rule=rule.name)
            raise TooMany(wait)

    async def _by_address(self, rule: Rule, request: Request) -> None:
        wait = await self._count(rule, request)
        if wait:
            raise TooMany(wait)

    async def _count(self, rule: Rule, request: Request) -> float:
        wait = await self._limits.take(rule, client_address(request, self._trusted))
        if wait:
            self._witness.note("rate_limited", outcome="refused", detail=rule.name)
            # A proxy that nobody named makes one address of everybody behind it.
            unnamed = "x-forwarded-for" in request.headers and not self._trusted.networks
            hint = {"hint": "name your reverse proxy in VALET_TRUSTED_PROXIES"} if unnamed else {}
            _log.warning("too_many", rule=rule.name, **hint)
        return wait
