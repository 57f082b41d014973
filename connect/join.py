"""Adding a way in: a trip to the provider, the identity shown beside the person, and only then their yes.

Only for who is signed in, and proved it just now. What came back waits sealed, for this person in this
browser; an identity that signs in somebody else stays theirs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from urllib.parse import urlencode

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connect.admission import Admission
from connect.pages import Refusal, Step
from connect.session import Desk, Guest, to_signin
from connect.trip import Errand, Return, Trips
from connect.ways import HERE, title
from providers.base import Account
from providers.registry import Registry, UnknownName
from vault.diary import Diary
from vault.ids import new_id
from vault.opaque import digest, mint
from vault.purposes import IDENTITY
from vault.store.pendings import Pending, Pendings
from vault.store.ways import Ways
from vault.vault import Vault

_log = structlog.get_logger(__name__)

_PURPOSE = "link"
_BACK = Step("Back to how you sign in", HERE)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An identity that waits for its yes, with what to call its provider."""

    account: Account
    title: str


class Join:
    """`/account/sign-in/add`: set out (POST), look (GET), and `/account/sign-in/confirm`."""

    def __init__(
        self,
        *,
        desk: Desk,
        trips: Trips,
        registry: Registry,
        ways: Ways,
        pendings: Pendings,
        vault: Vault,
        admission: Admission,
        diary: Diary,
    ) -> None:
        self._desk = desk
        self._trips = trips
        self._registry = registry
        self._ways = ways
        self._pendings = pendings
        self._vault = vault
        self._admission = admission
        self._diary = diary

    def routes(self) -> list[Route]:
        """Set out, look at what came back, answer."""
        return [
            Route(f"{HERE}/add", self.leave, methods=["POST"]),
            Route(f"{HERE}/add", self.page, methods=["GET"]),
            Route(f"{HERE}/confirm", self.confirm, methods=["POST"]),
        ]

    async def leave(self, request: Request) -> Response:
        """Set out for the provider, after a new proof of who asks."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(HERE)
        fields = await self._desk.form(request, guest)
        if self._desk.stale(guest):
            return to_signin(HERE, again=True)
        try:
            provider = self._registry.way(str(fields.get("provider", "")))
        except UnknownName:
            raise Refusal(404, "There is no such way in", "Nothing was changed.", _BACK) from None
        errand = Errand(
            purpose="link",
            provider=provider,
            scopes=provider.identity_scopes,
            back=HERE,
            again=HERE,
            notes={},
            user=guest.user.id,
            switch=True,
            keep=False,
        )
        return self._desk.bind(await self._trips.leave(guest, errand), guest)

    async def arrive(self, guest: Guest, back: Return) -> Response:
        """Back from the provider: keep whose account it is until they say yes. The tokens are dropped."""
        user, provider = guest.user, back.errand.provider
        assert user is not None, "such a state is only taken together with its person"
        if back.denied:
            raise Refusal(
                403, "No way in was added", f"You did not sign in with {provider.title} there.", _BACK
            )
        _, account = await self._trips.collect(back)
        identity = self._admission.identity(account)
        whose = await self._ways.whose(user.id, identity.issuer, identity.subject_index)
        if whose == "taken":
            raise _taken(account, provider.title)
        if whose == "held":
            return RedirectResponse(f"{HERE}?told=held", 303)
        handle, record = mint(), new_id()
        # Whose it is stands inside too: a row that is made another person's opens for nobody.
        body = {"user": str(user.id), "account": asdict(account)}
        kept = self._vault.seal(IDENTITY, record, json.dumps(body).encode())
        pending = Pending(_PURPOSE, user.id, record, kept, {"provider": provider.name})
        await self._pendings.add(digest(handle.get_secret_value()), guest.browser_hash, pending)
        return RedirectResponse(f"{HERE}/add?{urlencode({'p': handle.get_secret_value()})}", 303)

    async def page(self, request: Request) -> Response:
        """The identity beside the person it would be a way in of. Consumes nothing."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(HERE)
        handle = request.query_params.get("p", "")
        pending = await self._pendings.find(digest(handle), guest.browser_hash, guest.user.id, _PURPOSE)
        return self._desk.page(guest, "join.html", waiting=self._open(pending), handle=handle)

    async def confirm(self, request: Request) -> Response:
        """Their answer; either uses up what waits."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(HERE)
        fields = await self._desk.form(request, guest)
        handle = digest(str(fields.get("p", "")))
        pending = await self._pendings.take(handle, guest.browser_hash, guest.user.id, _PURPOSE)
        waiting = self._open(pending)
        if fields.get("decision") != "add":
            return RedirectResponse(HERE, 303)
        said = await self._ways.add(guest.user.id, self._admission.identity(waiting.account))
        if said == "taken":
            raise _taken(waiting.account, waiting.title)
        if said == "added":
            self._diary.note(user_id=guest.user.id, action="identity_linked")
        _log.info("way_in_added", new=said == "added")
        return RedirectResponse(f"{HERE}?told={said}", 303)

    def _open(self, pending: Pending | None) -> Waiting:
        if pending is None:
            raise _over()
        body = json.loads(self._vault.open(IDENTITY, pending.record_id, pending.sealed))
        if body["user"] != str(pending.user_id):
            raise _over()
        account = Account(**body["account"])
        return Waiting(account, title(self._registry, account.issuer))


def _over() -> Refusal:
    return Refusal(
        410,
        "This question is over",
        "It was answered before, or it waited longer than ten minutes, or it is another person's. "
        "No way in was added.",
        _BACK,
    )


def _taken(account: Account, named: str) -> Refusal:
    return Refusal(
        409,
        "That account signs in somebody else",
        f"{account.label} at {named} is a way in of another person here. Two people can't share one, and "
        "nothing is merged. Neither of you lost anything.",
        _BACK,
    )
