"""What a visit to /connect is about: who asks, what the provider must be asked for, and what then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode
from uuid import UUID

from connect.consent import asker_of
from connect.pages import Refusal, Step
from connect.scopes import covered
from connect.signin import handle
from connect.words import Asker, asker
from providers.base import Provider
from providers.registry import Registry, UnknownName
from vault.health import health
from vault.store.connections import Connection
from vault.store.flows import ANOTHER, ConnectFlow, Flows
from vault.store.grants import Grant, Grants
from vault.store.users import User
from vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Plan:
    """One errand, ready to be shown.

    `ours`: our scopes it is about; `new`: those the provider has not allowed yet; `later`: upstream scopes
    that connecting never asks for, and this errand does; `extra`: those of ours that the client's grant
    lacks. `needed`: the upstream scopes without which it is not done; `scopes`: what the provider is
    asked for, which includes what it allowed before unless its consents add up by themselves.
    `settled`: the provider has nothing to add, only the grant has to be raised. `beside`: accounts there are
    already, where one more is wanted. `renews`: the account that is there is to be connected again.
    """

    provider: Provider
    ours: frozenset[str]
    new: frozenset[str]
    later: frozenset[str]
    extra: frozenset[str]
    needed: frozenset[str]
    scopes: frozenset[str]
    current: Connection | None
    back: str
    again: str
    switch: bool
    asker: Asker | None = None
    flow: ConnectFlow | None = None
    grant: UUID | None = None
    hidden: Mapping[str, str] = field(default_factory=dict)
    beside: tuple[UUID, ...] = ()
    renews: bool = False

    @property
    def settled(self) -> bool:
        """Nothing to ask the provider."""
        asked = self.new or self.later or self.switch
        return bool(self.extra) and self.current is not None and not asked


class Planner:
    """Reads an errand out of a page's address or its form."""

    def __init__(self, *, registry: Registry, flows: Flows, grants: Grants, vault: Vault) -> None:
        self._registry = registry
        self._flows = flows
        self._grants = grants
        self._vault = vault

    async def plan(self, provider: Provider, user: User, fields: Mapping[str, object]) -> Plan:
        """The errand for this person. Raises Refusal when it is over or another's."""
        chat, consent = handle(fields.get("h")), handle(fields.get("consent"))
        held = [c for c in await self._vault.list(user.id) if c.provider == provider.name]
        if fields.get("h"):
            return await self._from_chat(provider, user, chat, held)
        if fields.get("consent"):
            return await self._from_consent(provider, consent, held)
        return self._from_account(provider, fields, held)

    async def _from_chat(self, provider: Provider, user: User, key: str, held: list[Connection]) -> Plan:
        flow = await self._flows.find_connect(key) if key else None
        if flow is None:
            raise await self._over(provider, user, key)
        if flow.user_id != user.id:
            raise _someone_else(provider, key)
        if flow.provider != provider.name:
            raise Refusal(404, "This link is incomplete", "Nothing was changed.", _fresh(provider))
        grant = await self._grant(user, flow)
        if flow.grant_id is not None and grant is None:
            raise Refusal(
                410,
                "This chat has no access any more",
                f"You cut it off, so it can't ask for {provider.title}. Your accounts are unchanged.",
                "Connect Valet in the chat again if you want it back.",
            )
        another = flow.label == ANOTHER
        current = None if another else _pick(held, flow.label)
        if current is None and flow.label and held:
            raise _renamed()
        return self._make(
            provider,
            switch=another,
            beside=tuple(c.id for c in held) if another else (),
            ours=flow.ours or self._registry.satisfied(provider.name, flow.upstream),
            needed=provider.least(flow.upstream | self._registry.upstream(provider.name, flow.ours)),
            current=current,
            extra=covered(flow.ours) - covered(grant.scopes) if grant else frozenset(),
            asker=_asker(grant),
            flow=flow,
            grant=flow.grant_id,
            back="",
            hidden={"h": key},
        )

    async def _grant(self, user: User, flow: ConnectFlow) -> Grant | None:
        return next((g for g in await self._grants.list(user.id) if g.id == flow.grant_id), None)

    async def _over(self, provider: Provider, user: User, key: str) -> Refusal:
        """The page of a chat's link that is no longer pending; an expired one brings a fresh one along."""
        if key and await self._flows.connected(key, user.id):
            return Refusal(
                410,
                f"{provider.title} is connected already",
                "This link has done its work; nothing more is needed.",
                "You can go back to your chat.",
            )
        lapsed = await self._flows.find_lapsed(key, user.id) if key else None
        if lapsed is None or lapsed.provider != provider.name:
            return Refusal(
                410,
                "This link no longer works",
                "It may have been cut short on its way. Nothing was changed.",
                _fresh(provider),
                missed=True,
            )
        handle_ = await self._flows.ask_connect(
            user_id=user.id,
            client_id=lapsed.client_id,
            grant_id=lapsed.grant_id,
            provider=lapsed.provider,
            ours=lapsed.ours,
            upstream=lapsed.upstream,
            label=lapsed.label,
        )
        return Refusal(
            410,
            "This link has expired",
            "Links from a chat work for an hour. Nothing was changed.",
            Step("Open a fresh one", f"/connect/{provider.name}?h={handle_}"),
        )

    async def _from_consent(self, provider: Provider, key: str, held: list[Connection]) -> Plan:
        flow = await self._flows.find_authorize(key) if key else None
        if flow is None:
            raise Refusal(
                410,
                "The request you came from is over",
                "Nothing was changed.",
                Step(f"Connect {provider.title} all the same", f"/connect/{provider.name}"),
                missed=True,
            )
        ours = flow.scopes & self._all(provider)
        return self._make(
            provider,
            ours=ours or self._all(provider),
            current=_pick(held, None),
            asker=asker_of(flow),
            back=f"/consent?h={key}",
            hidden={"consent": key},
        )

    def _from_account(self, provider: Provider, fields: Mapping[str, object], held: list[Connection]) -> Plan:
        wanted = fields.get("reconnect")
        again = next((c for c in held if str(c.id) == wanted), None)
        if wanted and again is None:
            raise _not_theirs(provider)
        another = fields.get("another") == "1"
        ours = self._allowed(provider, again) if again else frozenset()
        hidden = {"reconnect": str(again.id)} if again else {"another": "1"} if another else {}
        return self._make(
            provider,
            ours=ours or self._all(provider),
            current=again if again else None if another else _pick(held, None),
            back="/account",
            hidden=hidden,
            switch=another or again is not None,
            beside=tuple(c.id for c in held) if another else (),
        )

    def _allowed(self, provider: Provider, connection: Connection) -> frozenset[str]:
        """What a connection is for, in whole or in part: nothing more is asked where it is renewed."""
        return self._registry.satisfied(provider.name, connection.scopes) | self._registry.begun(
            provider.name, connection.scopes
        )

    def _all(self, provider: Provider) -> frozenset[str]:
        return frozenset(f"{s.name}:{level}" for s in provider.services for level in ("read", "write"))

    def _make(
        self,
        provider: Provider,
        *,
        ours: frozenset[str],
        current: Connection | None,
        back: str,
        hidden: Mapping[str, str],
        needed: frozenset[str] | None = None,
        extra: frozenset[str] = frozenset(),
        asker: Asker | None = None,
        flow: ConnectFlow | None = None,
        grant: UUID | None = None,
        switch: bool = False,
        beside: tuple[UUID, ...] = (),
    ) -> Plan:
        ours = covered(ours)
        if needed is None:
            needed = self._registry.upstream(provider.name, ours)
        kept = current.scopes if current else frozenset()
        stands = current is not None and health(current).works
        works = stands and not switch
        allowed = self._registry.satisfied(provider.name, kept) if works else frozenset()
        query = f"?{urlencode(hidden)}" if hidden else ""
        missing = needed - provider.widened(kept)
        asked = missing if provider.incremental and works and missing else needed | kept
        return Plan(
            provider=provider,
            ours=ours,
            new=ours - allowed,
            later=(provider.widened(asked) - (provider.widened(kept) if works else frozenset()))
            & provider.asked_later,
            extra=extra,
            needed=needed,
            scopes=provider.identity_scopes | provider.least(asked),
            current=current,
            back=back,
            again=f"/connect/{provider.name}{query}",
            switch=switch or (current is not None and not stands),
            renews=current is not None and (switch or not stands),
            asker=asker,
            flow=flow,
            grant=grant,
            hidden=hidden,
            beside=beside,
        )


def configured(registry: Registry, name: str) -> Provider:
    """The provider of that name. Raises Refusal (404)."""
    try:
        return registry.get(name)
    except UnknownName:
        raise Refusal(
            404,
            "Valet can't connect that",
            "It is not set up here. Nothing was changed.",
            Step("See what you can connect", "/account"),
        ) from None


def reachable(registry: Registry, name: str) -> Provider:
    """The provider of that name that people come back from, connected or signed in. Raises Refusal (404)."""
    try:
        return registry.way(name)
    except UnknownName:
        return configured(registry, name)


def path_of(provider: Provider, fields: Mapping[str, object]) -> str:
    """The page that a form came from, as far as its fields tell."""
    kept = {name: handle(fields.get(name)) for name in ("h", "consent")}
    query = urlencode({name: value for name, value in kept.items() if value})
    return f"/connect/{provider.name}" + (f"?{query}" if query else "")


def _pick(held: list[Connection], label: str | None) -> Connection | None:
    """The connection with that label, or the default one."""
    if label is not None:
        exact = [c for c in held if c.label == label]
        return next(iter(exact or [c for c in held if c.label.casefold() == label.casefold()]), None)
    return next((c for c in held if c.is_default), None)


def _asker(grant: Grant | None) -> Asker | None:
    if grant is None:
        return None
    return asker(grant.client_name, grant.client_kind, grant.client_id, grant.redirect_uri)


def _fresh(provider: Provider) -> Step:
    return Step(f"Connect {provider.title} from here", f"/connect/{provider.name}")


def _renamed() -> Refusal:
    return Refusal(
        410,
        "That account has another name now",
        "The chat asked about an account by a name that none of yours has any more. Nothing was changed.",
        "Go back to your chat and ask again.",
    )


def _not_theirs(provider: Provider) -> Refusal:
    """A link to reconnect may come out of a chat, days later and into anybody's browser."""
    return Refusal(
        404,
        f"That {provider.title} account is not among yours",
        "It was disconnected meanwhile, or it belongs to another person than the one signed in here. Nothing "
        "was changed.",
        Step("See what you have connected", "/account"),
        missed=True,
    )


def _someone_else(provider: Provider, key: str) -> Refusal:
    goal = f"/connect/{provider.name}?h={key}"
    return Refusal(
        403,
        "This link is for someone else",
        "The chat it came from belongs to another person than the one signed in here. "
        "Nothing was connected, for either of you.",
        Step("Sign in as that person", f"/signin?{urlencode({'next': goal, 'switch': '1'})}"),
    )
