"""What a tool is handed instead of asking for it: the person, and a ready client of their account.

These are resolvers of the SDK (`Annotated[T, Resolve(fn)]`): their parameters never appear in a tool's
schema, except that `account` is taken from the tool's own argument of that name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from uuid import UUID

from mcp.server.elicitation import AcceptedElicitation
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Resolve
from pydantic import Field

from mcp_server.asking import Asking, asking
from mcp_server.call import Call
from mcp_server.errors import Refusal
from mcp_server.filelinks import Linker
from mcp_server.house import House
from mcp_server.ladder import Sleep
from mcp_server.ports import ConnectLinks, Directory, Secrets, Witness
from mcp_server.reading.reader import Reader
from mcp_server.sentences import title_of
from providers.base import Credential, CredentialSource, ScopeMissing
from providers.http import Http
from vault.errors import NotConnected
from vault.store.callers import Principal

OUTCOME = AcceptedElicitation[Any]
"""What the SDK wraps whatever a resolver gives in. Held, because pydantic forgets such a class once nobody
holds it, and the SDK would have it made anew every few calls."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who the verified token speaks for, and what is theirs.

    `answered`: they have just finished in the browser what this call had asked them for. `about` lets their
    activity say which connection the call was about.
    """

    principal: Principal
    vault: Secrets
    directory: Directory
    links: ConnectLinks
    answered: bool
    about: Callable[[UUID], None]
    witness: Witness


async def person(context: Context[House, Any]) -> Person:
    """The person of this request."""
    house, call = context.request_context.lifespan_context, Call.within(context)

    def about(connection: UUID) -> None:
        call.connection = connection

    return Person(
        call.principal, house.vault, house.directory, house.links, call.answered, about, house.witness
    )


async def pause(context: Context[House, Any]) -> Sleep:
    """How to wait."""
    return context.request_context.lifespan_context.pause


Confirm = Annotated[Asking, Resolve(asking)]
"""`await confirm(title, lines)` after all checks and before the first write; see `Asking`. Such a tool is
marked `asks=True`."""


async def transfers(context: Context[House, Any]) -> Linker:
    """Who makes links for files, in the name of this call."""
    house = context.request_context.lifespan_context
    return Linker(house.files, house.public_url, Call.within(context))


async def reader(context: Context[House, Any]) -> Reader:
    """What makes text of files."""
    return context.request_context.lifespan_context.reader


AccountLabel = Annotated[
    str | None,
    Field(max_length=60),
]
"""The one argument that a client resolver takes from the tool. All have it, so what it is, is said once: in
connections_list, and in the server's instructions.
"""

Client = TypeVar("Client")


def connected(
    provider: str, build: Callable[[Http, CredentialSource], Client]
) -> Callable[[Context[House, Any], str | None], Awaitable[Client]]:
    """A resolver of ready API clients: `build` over the person's default account, or the one with that label.

    The resolver raises NotConnected, ConnectionExpired, ScopeMissing before any call is made, and Refusal for
    a label that does not exist. A tool that asks for it has an argument `account: AccountLabel`.
    """

    async def client(context: Context[House, Any], account: str | None) -> Client:
        http = context.request_context.lifespan_context.http.for_one_task()
        return build(http, await _source(context, provider, account))

    return client


def reached(
    provider: str, build: Callable[[Http, CredentialSource], Client]
) -> Callable[[Context[House, Any]], Awaitable[Callable[[str], Awaitable[Client]]]]:
    """A resolver of a way to the person's further accounts: a function from a label to a ready client.

    What it raises is what `connected` raises; the call is noted under the account it is about all the same.
    """

    async def reach(context: Context[House, Any]) -> Callable[[str], Awaitable[Client]]:
        async def client(label: str) -> Client:
            call = Call.within(context)
            about = call.connection, call.ending
            try:
                source = await _source(context, provider, label)
            finally:
                call.connection, call.ending = about
            return build(context.request_context.lifespan_context.http.for_one_task(), source)

        return client

    return reach


Me = Annotated[Person, Resolve(person)]
Pause = Annotated[Sleep, Resolve(pause)]
Transfers = Annotated[Linker, Resolve(transfers)]
ReaderOf = Annotated[Reader, Resolve(reader)]


async def _source(context: Context[House, Any], provider: str, account: str | None) -> CredentialSource:
    """The credential for a whole tool call: read once, and again only when the provider refuses it."""
    vault = context.request_context.lifespan_context.vault
    call = Call.within(context)
    owner, label = call.principal.user_id, account or None
    if label is not None and not label.isprintable():
        raise Refusal("invalid_argument", "`account` holds characters that no label has.")
    try:
        read = call.take(provider) if label is None else None
        latest = await vault.credential(owner, provider, label, read=read)
    except NotConnected:
        await _name_the_others(context, provider, label)
        raise
    call.connection, call.ending = UUID(latest.connection), latest.ending
    needs = call.tool.needs if call.tool is not None else frozenset[str]()
    held = _widened(context, provider, latest.scopes)
    if missing := needs - held:
        raise ScopeMissing(provider, "tool", missing, held)

    async def source(refused: int | None) -> Credential:
        nonlocal latest
        if refused is not None:
            latest = await vault.credential(owner, provider, label, refused=refused)
        return latest

    return source


def _widened(context: Context[House, Any], provider: str, scopes: frozenset[str]) -> frozenset[str]:
    try:
        return context.request_context.lifespan_context.directory.get(provider).widened(scopes)
    except KeyError:
        return scopes


async def _name_the_others(context: Context[House, Any], provider: str, label: str | None) -> None:
    """A wrong label is the caller's mistake where there are right ones."""
    house = context.request_context.lifespan_context
    if label is None:
        return
    rows = await house.vault.list(Call.within(context).principal.user_id)
    labels = [row.label for row in rows if row.provider == provider]
    if labels:
        title = title_of(house.directory, provider)
        raise Refusal(
            "invalid_argument",
            f"No {title} account here has that label. `account` must be one of: {', '.join(labels)}; "
            "leave it out for the default one.",
        )
