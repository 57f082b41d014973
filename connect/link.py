"""Connecting an account: the page that says what will be asked, the trip, and what came of it.

/connect/{provider}?h=HANDLE        from a chat: only what its tool lacks, only for the person it speaks for
/connect/{provider}?consent=HANDLE  from the consent page, and back to it
/connect/{provider}?reconnect=ID    from the account page; likewise ?another=1, or nothing
"""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connect.confirm import Confirm, finished
from connect.join import Join
from connect.pages import Refusal
from connect.plan import Plan, Planner, configured, path_of, reachable
from connect.session import Desk, safe_next, to_signin
from connect.signin import SignIn
from connect.trip import Errand, Trips
from connect.words import lines
from providers.registry import Registry
from vault.store.users import User
from vault.vault import Vault


class Link:
    """`/connect/{provider}`, `/callback/{provider}` and `/connected/{id}`."""

    def __init__(
        self,
        *,
        desk: Desk,
        trips: Trips,
        planner: Planner,
        signin: SignIn,
        join: Join,
        confirm: Confirm,
        registry: Registry,
        vault: Vault,
    ) -> None:
        self._desk = desk
        self._trips = trips
        self._planner = planner
        self._signin = signin
        self._join = join
        self._confirm = confirm
        self._registry = registry
        self._vault = vault

    def routes(self) -> list[Route]:
        """The pages of connecting, and the way back from providers (sign-in uses it too)."""
        return [
            Route("/connect/{provider}", self.page, methods=["GET"]),
            Route("/connect/{provider}", self.leave, methods=["POST"]),
            Route("/callback/{provider}", self.callback, methods=["GET"]),
            *self._confirm.routes(),
            Route("/connected/{connection:uuid}", self.done, methods=["GET"]),
        ]

    async def page(self, request: Request) -> Response:
        """What will be asked, who asks, and whose it will be. Consumes nothing."""
        provider = configured(self._registry, request.path_params["provider"])
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(_here(request))
        plan = await self._planner.plan(provider, guest.user, request.query_params)
        return self._desk.page(
            guest,
            "connect.html",
            plan=plan,
            new=lines(provider, plan.new, plan.later),
            kept=lines(provider, plan.ours - plan.new),
            extra=lines(provider, plan.extra),
            switch=f"/signin?{urlencode({'next': plan.again, 'switch': '1'})}",
        )

    async def leave(self, request: Request) -> Response:
        """Set out for the provider; or, where only the client's grant is too small, raise that."""
        provider = configured(self._registry, request.path_params["provider"])
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(path_of(provider, await request.form(max_files=0, max_fields=50)))
        fields = await self._desk.form(request, guest)
        plan = await self._planner.plan(provider, guest.user, fields)
        if plan.settled and plan.current is not None:
            await self._confirm.finish(guest.user, plan.flow.id if plan.flow else None, plan.grant, plan.ours)
            return finished(plan.current, {"asked": " ".join(sorted(plan.ours))})
        return self._desk.bind(await self._trips.leave(guest, _errand(plan, guest.user)), guest)

    async def callback(self, request: Request) -> Response:
        """Somebody came back from a provider: to sign in, with one more way in, or with a connection."""
        if request.method != "GET":
            # Starlette adds HEAD to every GET; a link preview must not use a state up.
            raise Refusal(405, "This way is for browsers", "Nothing was changed.")
        provider = reachable(self._registry, request.path_params["provider"])
        guest = await self._desk.guest(request)
        back = await self._trips.take(request, guest, provider)
        if back.errand.purpose == "signin":
            return await self._signin.arrive(request, guest, back)
        if back.errand.purpose == "link":
            return await self._join.arrive(guest, back)
        return await self._confirm.arrive(guest, back)

    async def done(self, request: Request) -> Response:
        """What came of it. In a popup the page closes itself; in a tab it says where to go."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin("/account")
        wanted, held = request.path_params["connection"], await self._vault.list(guest.user.id)
        connection = next((c for c in held if c.id == wanted), None)
        meant = next((c for c in held if str(c.id) == request.query_params.get("meant")), None)
        if connection is None:
            return RedirectResponse("/account", 303)
        provider = configured(self._registry, connection.provider)
        asked = frozenset(request.query_params.get("asked", "").split()) & frozenset(self._registry.scopes)
        missing = asked - self._registry.satisfied(provider.name, connection.scopes)
        later = frozenset(request.query_params.get("later", "").split()) & provider.asked_later
        then = request.query_params.get("then", "")
        return self._desk.page(
            guest,
            "connected.html",
            provider=provider,
            account=connection.account_label,
            meant=meant,
            same=request.query_params.get("same") == "1",
            missing=lines(provider, missing, later - provider.widened(connection.scopes)),
            then=safe_next(then) if then else "",
            again=safe_next(request.query_params.get("again") or f"/connect/{provider.name}"),
        )


def _errand(plan: Plan, user: User) -> Errand:
    return Errand(
        purpose="connect",
        provider=plan.provider,
        scopes=plan.scopes,
        back=plan.back,
        again=plan.again,
        notes={
            "ours": sorted(plan.ours),
            "needed": sorted(plan.needed),
            "grant": str(plan.grant) if plan.grant else None,
            "meant": str(plan.current.id) if plan.current else None,
            "beside": [str(id_) for id_ in plan.beside],
        },
        user=user.id,
        flow=plan.flow.id if plan.flow else None,
        switch=plan.switch,
        app=plan.current.app if plan.current else "",
        hint=plan.current.account_label if plan.current and "@" in plan.current.account_label else "",
    )


def _here(request: Request) -> str:
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")
