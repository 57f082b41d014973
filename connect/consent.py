"""The consent page: a person decides, service by service, what a chat client may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connect.levels import Choice, choice, held_at
from connect.pages import Refusal, leave
from connect.redirects import KNOWN_CUSTOM
from connect.scopes import covered
from connect.session import Desk, to_signin
from connect.signin import handle
from connect.witness import Witness
from connect.words import LEVELS, Asker, Line, asked_level, asker, lines, ours, titles
from providers.base import Provider
from providers.registry import Registry
from vault.diary import Diary
from vault.health import health
from vault.store.connections import Connection
from vault.store.flows import AlreadyUsed, AuthorizeFlow, Flows
from vault.store.grants import Grants
from vault.vault import Vault

_SCHEMES = frozenset(urlsplit(uri).scheme for uri in KNOWN_CUSTOM)


class Answers(Protocol):
    """The part of the authorization server that turns a decision into where the browser goes."""

    async def approve(self, flow: AuthorizeFlow, user_id: UUID, scopes: frozenset[str]) -> str:
        """Consume the flow and grant; the client's redirect URI with a code. Raises AlreadyUsed."""

    async def deny(self, flow: AuthorizeFlow) -> str:
        """Consume the flow; the client's redirect URI with access_denied. Raises AlreadyUsed."""


@dataclass(frozen=True, slots=True)
class Party:
    """One provider on the page, with the accounts of it that work."""

    provider: Provider
    accounts: tuple[str, ...]
    stale: bool
    choices: tuple[Choice, ...]


class Consent:
    """`/consent`."""

    def __init__(
        self,
        *,
        desk: Desk,
        flows: Flows,
        grants: Grants,
        registry: Registry,
        vault: Vault,
        answers: Answers,
        diary: Diary,
        witness: Witness,
    ) -> None:
        self._desk = desk
        self._flows = flows
        self._grants = grants
        self._registry = registry
        self._vault = vault
        self._answers = answers
        self._diary = diary
        self._witness = witness

    def routes(self) -> list[Route]:
        """GET shows, POST decides."""
        return [
            Route("/consent", self.page, methods=["GET"]),
            Route("/consent", self.decide, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """Who asks for what. Needs a session; consumes nothing."""
        key = handle(request.query_params.get("h"))
        guest = await self._desk.guest(request)
        flow = await self._pending(key)
        if guest.user is None:
            return to_signin(_path(key))
        connections = await self._vault.list(guest.user.id)
        parties = [
            p for p in (self._party(each, flow, connections) for each in self._registry.configured) if p
        ]
        return self._desk.page(
            guest,
            "consent.html",
            asker=asker_of(flow),
            wants=_wants(parties),
            parties=parties,
            kept=await self._kept(flow, guest.user.id),
            h=key,
            switch=f"/signin?{urlencode({'h': key, 'switch': '1'})}",
        )

    async def decide(self, request: Request) -> Response:
        """Allow or don't; either answer uses the request up and goes back to the client."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            fields = await request.form(max_files=0, max_fields=50)
            return to_signin(_path(handle(fields.get("h"))))
        fields = await self._desk.form(request, guest)
        flow = await self._pending(handle(fields.get("h")))
        back = asker_of(flow)
        try:
            if fields.get("decision") == "allow":
                location = await self._answers.approve(flow, guest.user.id, self._chosen(flow, fields))
                self._diary.note(
                    user_id=guest.user.id,
                    action="chat_allowed",
                    client_id=flow.client_id,
                    client_name=flow.client_name,
                )
            elif fields.get("decision") == "deny":
                location = await self._answers.deny(flow)
                self._witness.note(
                    "chat_denied", outcome="refused", user_id=guest.user.id, client_id=flow.client_id
                )
            else:
                raise Refusal(
                    400, "Neither yes nor no", "Nothing was decided.", "Go back and press a button."
                )
        except AlreadyUsed:
            raise _gone() from None
        return leave(location, f"Going back to {back.name}", f"Continue to {back.name}", schemes=_SCHEMES)

    async def _pending(self, key: str) -> AuthorizeFlow:
        flow = await self._flows.find_authorize(key) if key else None
        if flow is None:
            raise _gone()
        return flow

    async def _kept(self, flow: AuthorizeFlow, user_id: UUID) -> list[Line]:
        """What the client was allowed before and does not ask for now: an "allow" gives that, too.

        Whoever asks may be another program under the same client id, so the person must see it.
        """
        grant = await self._grants.find(user_id, flow.client_id, flow.registered_uri)
        more = grant.scopes - covered(flow.scopes) if grant else frozenset()
        return [line for provider in self._registry.configured for line in lines(provider, more)]

    def _party(self, provider: Provider, flow: AuthorizeFlow, connections: list[Connection]) -> Party | None:
        allowed = held_at(provider, connections)
        asked = [(each, asked_level(each, flow.scopes)) for each in provider.services]
        choices = tuple(
            choice(provider, each, level, level, allowed) for each, level in asked if level != "off"
        )
        if not choices:
            return None
        held = [c for c in connections if c.provider == provider.name]
        return Party(
            provider,
            accounts=tuple(c.account_label for c in held if health(c).works),
            stale=bool(held) and not any(health(c).works for c in held),
            choices=choices,
        )

    def _chosen(self, flow: AuthorizeFlow, fields: Mapping[str, object]) -> frozenset[str]:
        """Our scopes of the radio buttons; never above what was asked. A missing group is off."""
        chosen: frozenset[str] = frozenset()
        for provider in self._registry.configured:
            for service in provider.services:
                level = next(
                    (each for each in LEVELS if each == fields.get(f"service-{service.name}")), "off"
                )
                asked = asked_level(service, flow.scopes)
                chosen |= ours(service, LEVELS[min(LEVELS.index(level), LEVELS.index(asked))])
        return chosen


def _wants(parties: list[Party]) -> str:
    """What a chat asks for, at a glance: services, or where those are many the accounts that they are of."""
    services = [each.title for party in parties for each in party.choices]
    return titles(services if len(services) <= 3 else [party.provider.title for party in parties])


def asker_of(flow: AuthorizeFlow) -> Asker:
    """The chat client of an authorize request, as a person may judge it."""
    return asker(flow.client_name, flow.client_kind, flow.client_id, flow.redirect_uri)


def _path(key: str) -> str:
    return f"/consent?h={key}"


def _gone() -> Refusal:
    return Refusal(
        410,
        "This request is over",
        "It was answered before, it waited longer than an hour, or the chat client changed meanwhile. "
        "Nothing more was shared.",
        "Go back to your chat and connect again: it makes a new request.",
        missed=True,
    )
