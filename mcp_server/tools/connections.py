"""connections_list, connections_connect, connections_disconnect: listed for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer, link
from mcp_server.errors import Refusal, Unconfigured, Wanted
from mcp_server.inject import Me, Person
from mcp_server.pages import CONNECT
from mcp_server.sentences import title_of, unset_sentence
from mcp_server.toolbox import Access, holds, tool
from mcp_server.tools.text import clip, listed, quoted
from providers.base import Provider, Service
from vault.errors import NotConnected
from vault.health import State as Health
from vault.health import health
from vault.store.connections import Connection
from vault.store.flows import ANOTHER

State = Literal["connected", "needs_reconnecting", "not_connected"]
Standing = Literal["connected", "connected_in_part", "needs_reconnecting", "not_connected"]


class Linked(BaseModel):
    """One connected account."""

    id: str
    provider: str
    label: Annotated[str, Field(description="What tools take as `account`.")]
    account: Annotated[str, Field(description="The account's own name at the provider.")]
    is_default: bool
    state: State
    health: Annotated[Health, Field(description="`ending` and `pausing` still count as connected.")]
    why: Annotated[str | None, Field(description="Why it pauses or needs reconnecting.")] = None
    reconnect_by: Annotated[str | None, Field(description="When the permission ends by itself.")] = None
    reconnect_url: Annotated[
        str | None, Field(description="Where the person reconnects it, once that is of use.")
    ] = None


class Offered(BaseModel):
    """One service of this server, and what this chat may do with it."""

    service: str
    title: str
    provider: str
    access: Annotated[Literal["off", "read", "write"], Field(description="What this chat may do with it.")]
    state: Annotated[
        Standing,
        Field(description="`connected_in_part`: works, but a tool may answer that it needs more allowed."),
    ]
    asked_later: Annotated[
        list[str] | None,
        Field(description="Not allowed so far; a tool that needs it answers with a link for the person."),
    ] = None


class Overview(BaseModel):
    """Accounts and services."""

    connections: list[Linked]
    services: list[Offered]
    not_set_up: Annotated[list[str], Field(description="What the operator has yet to set up.")] = []


class Asked(BaseModel):
    """The outcome of asking to connect; with state `waiting` the person must open the link."""

    service: str
    access: Access
    state: Literal["connected", "waiting"]
    url: str | None = None


class Ended(BaseModel):
    """What was disconnected."""

    id: str
    provider: str
    label: str
    manage_url: Annotated[
        str | None,
        Field(description="Where the person can also end it at the provider; left out where that is done."),
    ] = None


@tool(
    service=None,
    title="List connected accounts",
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=False,
)
async def connections_list(me: Me) -> Annotated[CallToolResult, Overview]:
    """List which accounts the person has connected to Valet, whether they still work, and which services this
    chat may use. Where one provider has several accounts, tools take a label from here as `account`.
    """
    rows = await me.vault.list(me.principal.user_id)
    overview = Overview(
        connections=[_linked(me, row) for row in rows],
        services=[
            _offered(me, rows, provider, service)
            for provider in me.directory.configured
            for service in provider.services
        ],
        not_set_up=[
            unset_sentence(each.title, (each.client_id_setting, each.client_secret_setting))
            for each in me.directory.unset
        ],
    )
    return answer(overview, _overview_text(overview))


@tool(
    service=None,
    title="Connect an account",
    read_only=False,
    destructive=False,
    idempotent=True,
    app=CONNECT,
)
async def connections_connect(
    me: Me,
    service: Annotated[str, Field(max_length=40, description="A service named by connections_list.")],
    access: Annotated[Access, Field(description="`write` includes `read`.")] = "read",
    another: Annotated[
        bool, Field(description="Connect one more account beside those that are connected.")
    ] = False,
) -> Annotated[CallToolResult, Asked]:
    """Ask the person to connect an account, or to allow this chat more of a service. They decide in their
    browser; the answer may hold a link to give to them.
    """
    provider, found = _service(me, service)
    ours = frozenset({f"{found.name}:{access}"})
    if holds(me.principal.scopes, found.name, access) and not (
        another and await _still_another(me, provider)
    ):
        rows = await me.vault.list(me.principal.user_id)
        if _state(rows, provider, found.upstream(access)) == "connected":
            done = Asked(service=found.name, access=access, state="connected")
            later = _later(rows, provider, found, write=access == "write")
            more = " A tool that needs more of it than was allowed so far asks for that." if later else ""
            return answer(done, f"{found.title} is connected, and this chat has {access} access.{more}")
    if me.principal.personal and not holds(me.principal.scopes, found.name, access):
        raise Refusal("scope_missing", _fixed(me, found, access))
    upstream = provider.least(found.upstream(access))
    label = ANOTHER if another else None
    raise Wanted(provider.name, ours, upstream, partial(_waiting, provider, found, access), label)


@tool(
    service=None,
    title="Disconnect an account",
    read_only=False,
    destructive=True,
    idempotent=True,
)
async def connections_disconnect(
    me: Me,
    connection: Annotated[
        str, Field(min_length=1, max_length=100, description="Id or label from connections_list.")
    ],
) -> Annotated[CallToolResult, Ended]:
    """Disconnect an account from Valet for every chat of the person, and destroy the stored access. To use
    it again they have to connect again.
    """
    rows = await me.vault.list(me.principal.user_id)
    row = _one(rows, connection.strip())
    me.about(row.id)
    try:
        done = await me.vault.disconnect(me.principal.user_id, row.id)
    except NotConnected:
        raise Refusal("not_found", "It has just been disconnected already.") from None
    ended = done.connection
    me.witness.note(
        "disconnected",
        user_id=me.principal.user_id,
        client_id=me.principal.client_id,
        provider=ended.provider,
    )
    result = Ended(
        id=str(ended.id),
        provider=ended.provider,
        label=clip(ended.label),
        manage_url=None if done.told else _manage_url(me, ended.provider),
    )
    title = title_of(me.directory, ended.provider)
    more = f" {title} has ended it too." if done.told else ""
    if result.manage_url:
        more = f" To end it at {title} as well, the person opens {result.manage_url}"
    return answer(result, f"{title} account {quoted(ended.label)} is disconnected.{more}")


async def _still_another(me: Person, provider: Provider) -> bool:
    """Whether one more account is yet to be connected: not where this is the call that comes back from it."""
    finished = await me.links.tell_finished(
        user_id=me.principal.user_id,
        grant_id=me.principal.grant_id,
        provider=provider.name,
        label=ANOTHER,
    )
    return not (finished or me.answered)


def _linked(me: Person, row: Connection) -> Linked:
    stands = health(row)
    set_up = any(each.name == row.provider for each in me.directory.configured)
    mend = set_up and (stands.soon or not stands.works)
    return Linked(
        id=str(row.id),
        provider=row.provider,
        label=clip(row.label),
        account=clip(row.account_label),
        is_default=row.is_default,
        state="connected" if stands.works else "needs_reconnecting",
        health=stands.state,
        why=stands.why or None,
        reconnect_url=f"{_origin(me)}/connect/{row.provider}?reconnect={row.id}" if mend else None,
        reconnect_by=row.grant_expires_at.date().isoformat() if row.grant_expires_at else None,
    )


def _offered(me: Person, rows: Sequence[Connection], provider: Provider, service: Service) -> Offered:
    may_write = holds(me.principal.scopes, service.name, "write")
    may_read = holds(me.principal.scopes, service.name, "read")
    return Offered(
        service=service.name,
        title=service.title,
        provider=provider.name,
        access="write" if may_write else "read" if may_read else "off",
        state=_state(rows, provider, service.upstream("write" if may_write else "read")),
        asked_later=_later(rows, provider, service, write=may_write) if may_read else None,
    )


def _later(
    rows: Sequence[Connection], provider: Provider, service: Service, *, write: bool
) -> list[str] | None:
    """What a chat with that access may use and no account of theirs has allowed yet."""
    works = [row.scopes for row in rows if row.provider == provider.name and health(row).works]
    held = provider.widened(frozenset().union(*works))
    levels = {"read", "write"} if write else {"read"}
    lacks = [each for each in service.later if each.level in levels and not each.scopes <= held]
    return [each.sentence for each in lacks] or None


def _state(rows: Sequence[Connection], provider: Provider, upstream: frozenset[str]) -> Standing:
    """The best that the person's accounts at a provider offer for these upstream scopes."""
    ours = [row for row in rows if row.provider == provider.name]
    held = [upstream & provider.widened(row.scopes) for row in ours if health(row).works]
    if upstream in held:
        return "connected"
    if any(held):
        return "connected_in_part"
    return "needs_reconnecting" if ours else "not_connected"


def _service(me: Person, name: str) -> tuple[Provider, Service]:
    try:
        return me.directory.service(name.strip().lower())
    except KeyError:
        names = [each.name for provider in me.directory.configured for each in provider.services]
    for provider in me.directory.unset:
        if not names or name.strip().lower() in {each.name for each in provider.services}:
            raise Unconfigured(provider.name, me.directory.unset)
    raise Refusal("invalid_argument", f"`service` must be one of: {', '.join(names)}.")


def _fixed(me: Person, service: Service, access: Access) -> str:
    """Why a personal token gets no more: whoever holds it could ask, and it lives long."""
    page = f"{_origin(me)}/account/tokens"
    return (
        f"This personal token was made without {access} access to {service.title}, and what it may do never "
        f"changes. The person can make another one at {page}"
    )


def _origin(me: Person) -> str:
    return me.principal.resource.removesuffix("/mcp")


def _waiting(provider: Provider, service: Service, access: Access, url: str) -> CallToolResult:
    text = f"Ask the person to open this link in a browser to connect {service.title}: {url}"
    asked = answer(Asked(service=service.name, access=access, state="waiting", url=url), text)
    return asked.model_copy(update={"meta": link(provider.name, provider.title, url)})


def _one(rows: Sequence[Connection], wanted: str) -> Connection:
    by_id = [row for row in rows if str(row.id) == wanted.lower()]
    exact = by_id or [row for row in rows if row.label == wanted]
    matches = exact or [row for row in rows if row.label.casefold() == wanted.casefold()]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise Refusal("invalid_argument", "Several accounts have that label. Give one of their ids instead.")
    if not rows:
        raise Refusal("not_found", "No account is connected.")
    labels = listed(quoted(row.label) for row in rows)
    raise Refusal("not_found", f"No connected account has that id or label. There are: {labels}.")


def _manage_url(me: Person, provider: str) -> str | None:
    try:
        return me.directory.get(provider).manage_url
    except KeyError:
        return None


def _overview_text(overview: Overview) -> str:
    accounts = [_line(each) for each in overview.connections]
    services = [f"{each.title}: {each.access} for this chat" for each in overview.services]
    return "\n".join(
        ["Accounts:", *(accounts or ["none connected"]), "Services:", *services, *overview.not_set_up]
    )


def _line(each: Linked) -> str:
    named = f"{each.provider}: {quoted(each.label)}{' (default)' if each.is_default else ''}"
    ends = f", its permission ends on {each.reconnect_by}" if each.reconnect_by and not each.why else ""
    because = f" ({each.why})" if each.why else ""
    mend = f"; the person can reconnect it at {each.reconnect_url}" if each.reconnect_url else ""
    return f"{named}, {each.state.replace('_', ' ')}{because}{ends}{mend}"
