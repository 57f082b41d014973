"""Signing in: "Continue with …" at a provider, or the owner link of a server on one's own machine."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import structlog
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connect.admission import OWNER_ISSUER, OWNER_SUBJECT, Admission
from connect.pages import Refusal, Step
from connect.session import HOME, Desk, Guest, safe_next
from connect.trip import Errand, Return, Trips
from providers.base import OPERATOR, Account, TokenSet
from providers.registry import Registry, UnknownName
from vault.diary import Diary
from vault.errors import PersonGone
from vault.opaque import digest
from vault.revocation import Stray
from vault.store.ownerlinks import OwnerLinks
from vault.store.users import Identity, User, Users
from vault.vault import Vault

_log = structlog.get_logger(__name__)

_HANDLE = re.compile(r"[A-Za-z0-9_-]{20,128}")


def handle(text: object) -> str:
    """`text` if it looks like a flow's handle, else nothing."""
    return text if isinstance(text, str) and _HANDLE.fullmatch(text) else ""


class SignIn:
    """The sign-in page and what comes back to it. `owner_links` is None where they are off."""

    def __init__(
        self,
        *,
        desk: Desk,
        trips: Trips,
        registry: Registry,
        users: Users,
        vault: Vault,
        admission: Admission,
        owner_links: OwnerLinks | None,
        diary: Diary,
    ) -> None:
        self._desk = desk
        self._trips = trips
        self._registry = registry
        self._users = users
        self._vault = vault
        self._admission = admission
        self._owner_links = owner_links
        self._diary = diary

    def routes(self) -> list[Route]:
        """`/signin`, `/signout` and, where they are on, `/owner`."""
        routes = [
            Route("/signin", self.page, methods=["GET"]),
            Route("/signin", self.leave, methods=["POST"]),
            Route("/signout", self.sign_out, methods=["POST"]),
        ]
        if self._owner_links is not None:
            routes += [
                Route("/owner", self.owner_page, methods=["GET"]),
                Route("/owner", self.owner, methods=["POST"]),
            ]
        return routes

    async def page(self, request: Request) -> Response:
        """The ways in. Somebody signed in already goes on, unless they want to be someone else.

        With `again=1` they prove once more who they are, unless they did so just now; only their own ways in
        are on that page.
        """
        guest = await self._desk.guest(request)
        asked = handle(request.query_params.get("h"))
        goal = f"/consent?h={asked}" if asked else safe_next(request.query_params.get("next"))
        switch = request.query_params.get("switch") == "1"
        again = guest.user is not None and not switch and request.query_params.get("again") == "1"
        if guest.user is not None and not switch and not (again and self._desk.stale(guest)):
            return RedirectResponse(goal, 303)
        issuers = {each.issuer for each in await self._held(guest)} if again else None
        response = self._desk.page(
            guest,
            "signin.html",
            providers=[p for p in self._registry.operated if issuers is None or p.issuer in issuers],
            owner_links=self._owner_links is not None and (issuers is None or OWNER_ISSUER in issuers),
            next=goal,
            switch=switch,
            again=again,
            out=request.query_params.get("out") == "1",
            other=f"/signin?{urlencode({'next': goal, 'switch': '1'})}",
        )
        if self._owner_links is not None and goal != HOME:
            self._desk.remember_next(response, goal)
        return response

    async def leave(self, request: Request) -> Response:
        """Set out for the chosen provider."""
        guest = await self._desk.guest(request)
        fields = await self._desk.form(request, guest)
        try:
            provider = self._registry.way(str(fields.get("provider", "")))
        except UnknownName:
            raise Refusal(
                404, "There is no such way in", "Nothing was changed.", _again("/account")
            ) from None
        goal = safe_next(str(fields.get("next", "")))
        connect = fields.get("connect") == "1" and bool(provider.services)
        again = fields.get("again") == "1"
        held = [each.label for each in await self._held(guest) if each.issuer == provider.issuer]
        scopes = provider.identity_scopes
        if connect:
            scopes |= self._registry.upstream(provider.name, self._registry.scopes)
        errand = Errand(
            purpose="signin",
            provider=provider,
            scopes=scopes,
            back=goal,
            again=f"/signin?{urlencode({'next': goal, 'again' if again else 'switch': '1'})}",
            notes={"connect": connect},
            switch=fields.get("switch") == "1",
            keep=connect,
            proof=again,
            hint=held[0] if again and len(held) == 1 and "@" in held[0] else "",
        )
        return self._desk.bind(await self._trips.leave(guest, errand), guest)

    async def _held(self, guest: Guest) -> list[Identity]:
        """The ways in of the person at the browser."""
        return await self._users.identities(guest.user.id) if guest.user else []

    async def arrive(self, request: Request, guest: Guest, back: Return) -> Response:
        """Back from the provider: sign in whoever it is, and keep the tokens only if they chose to."""
        errand = back.errand
        if back.denied:
            title = f"You did not sign in with {errand.provider.title}"
            raise Refusal(403, title, "Nothing was kept.", Step("Choose again", errand.again))
        tokens, account = await self._trips.collect(back)
        if not await self._admitted(account):
            _log.info("signin_refused", provider=errand.provider.name)
            raise _not_on_the_list(errand, account)
        user = await self._known(account)
        if errand.notes.get("connect"):
            await self._connect(user, errand, account, tokens)
        return await self._enter(request, user, errand.back, proved=account.proved)

    async def _connect(self, user: User, errand: Errand, account: Account, tokens: TokenSet) -> None:
        """Keep the account as a connection too. Raises PersonGone: then its provider is told."""
        name = errand.provider.name
        try:
            made = await self._vault.save(
                user.id, name, OPERATOR, account, tokens, errand.scopes,
                errand.provider.grant_lifetime, adds=errand.provider.incremental,
            )  # fmt: skip
        except PersonGone:
            index = self._vault.index(account.issuer, account.subject)
            await self._vault.forsake(Stray(user.id, name, OPERATOR, index), tokens)
            raise
        self._diary.note(user_id=user.id, action="connected", connection=made.id)

    async def _admitted(self, account: Account) -> bool:
        """Whether the guest list lets this identity in, or its person by another of theirs."""
        if await self._admission.allowed(account):
            return True
        # What let them in before may be over: then their sessions and tokens are, too.
        identity = self._admission.identity(account)
        person = await self._users.note(
            identity.issuer, identity.subject_index, identity.label, identity.claims
        )
        return person is not None and await self._admission.recheck(person.id)

    async def _known(self, account: Account) -> User:
        """The person behind an identity. Raises Refusal when they are shut out."""
        identity = self._admission.identity(account)
        user = await self._users.sign_in(
            identity.issuer, identity.subject_index, identity.label, identity.claims
        )
        if user.blocked:
            raise Refusal(
                403,
                "You can't come in",
                "Whoever runs this Valet has closed your access. Your provider accounts are untouched.",
                "Ask them if you think this is a mistake.",
                denied=("signin_refused", "blocked"),
            )
        return user

    async def _enter(self, request: Request, user: User, goal: str, *, proved: bool = True) -> Response:
        response = RedirectResponse(safe_next(goal), 303)
        await self._desk.sign_in(request, response, user, proved=proved)
        self._diary.note(user_id=user.id, action="signed_in")
        _log.info("signed_in")
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session of this browser."""
        guest = await self._desk.guest(request)
        response = RedirectResponse("/signin", 303)
        if guest.user is None:
            # Another site's form comes without the cookie (SameSite); our answer must not take it away.
            return response
        await self._desk.form(request, guest)
        await self._desk.sign_out(request, response)
        return response

    async def owner_page(self, request: Request) -> Response:
        """The button behind a printed link. Looking at it uses nothing up."""
        guest = await self._desk.guest(request)
        token = request.query_params.get("t", "")
        if not 20 <= len(token) <= 128:
            raise _spent_link()
        return self._desk.page(guest, "owner.html", token=token)

    async def owner(self, request: Request) -> Response:
        """Use the link up and sign in as the owner; go on to where they were going."""
        guest = await self._desk.guest(request)
        fields = await self._desk.form(request, guest)
        token = SecretStr(str(fields.get("t", "")))
        assert self._owner_links is not None
        if not await self._owner_links.consume(digest(token.get_secret_value())):
            raise _spent_link()
        user = await self._known(Account(OWNER_ISSUER, OWNER_SUBJECT, "the owner"))
        return await self._enter(request, user, self._desk.remembered_next(request))


def _again(goal: str) -> Step:
    return Step("Choose another way in", f"/signin?{urlencode({'next': goal})}")


def _spent_link() -> Refusal:
    return Refusal(
        410,
        "This link no longer opens Valet",
        "An owner link opens once, and only for a while. Nothing was lost.",
        "Run `valet link` in a terminal on this computer: it prints a new one.",
        missed=True,
        denied=("signin_refused", "spent_link"),
    )


def _not_on_the_list(errand: Errand, account: Account) -> Refusal:
    title = errand.provider.title
    entry = account.email or f"{errand.provider.name}:{account.subject}"
    return Refusal(
        403,
        "You are not on the guest list",
        f"You are {account.label} at {title}, and whoever runs this Valet has not invited that account. "
        f"Nothing was kept. To be let in, give them this entry for the guest list: {entry}",
        Step(f"Use another {title} account", errand.again),
        missed=True,
        denied=("signin_refused", "not_invited"),
    )
