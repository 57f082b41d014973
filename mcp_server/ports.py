"""What this room needs of others, as narrow as it is used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol
from uuid import UUID

from providers.base import Credential, Parcel, Provider, Service
from vault.approvals import Preview
from vault.audit.events import Event
from vault.revocation import Ended
from vault.store.approvals import Decision, Deed
from vault.store.callers import Caller
from vault.store.connections import Connection
from vault.store.leases import SealedConnection
from vault.store.standings import Ending
from vault.transfers import Offered


class TokenCheck(Protocol):
    """Who comes with a bearer token."""

    async def look(self, token_hash: bytes) -> Caller | None:
        """Whom a live token speaks for and their default connections, or None. Raises Busy when the database
        is away.
        """


class Secrets(Protocol):
    """The part of the vault that tools use; every call names the owner."""

    async def credential(
        self,
        owner: UUID,
        provider: str,
        label: str | None = None,
        *,
        refused: int | None = None,
        read: SealedConnection | None = None,
    ) -> Credential:
        """A live access token. `read` is the owner's default connection as it was read a moment ago.

        Raises NotConnected, ConnectionExpired, Busy, Sealed, ProviderError.
        """

    async def list(self, owner: UUID) -> Sequence[Connection]:
        """The owner's connections, oldest first."""

    async def disconnect(self, owner: UUID, connection: UUID) -> Ended:
        """End a connection; returns it as it was and whether the provider was told. Raises NotConnected."""

    async def warn(self, owner: UUID, connection: UUID) -> Ending | None:
        """The right to tell the owner that their connection ends soon, once a day. Raises Busy."""


class ConnectLinks(Protocol):
    """Pending ways to a provider."""

    async def ask_connect(
        self,
        *,
        user_id: UUID,
        client_id: str,
        grant_id: UUID,
        provider: str,
        ours: frozenset[str],
        upstream: frozenset[str],
        label: str | None,
    ) -> str:
        """The handle of a pending flow with these scopes, new or reused."""

    async def connected(self, flow_handle: str, user_id: UUID) -> bool:
        """Whether that person has finished the flow."""

    async def show(self, flow_handle: str, user_id: UUID) -> bool:
        """Whether that person's pending flow may be opened in their browser; not where it just was."""

    async def tell_finished(self, *, user_id: UUID, grant_id: UUID, provider: str, label: str | None) -> bool:
        """Whether that person finished such a flow lately; True once for each."""


class FileLinks(Protocol):
    """Links for files in and out."""

    async def offer(
        self, *, user: UUID, grant: UUID, connection: UUID, scopes: Iterable[str], parcel: Parcel
    ) -> Offered:
        """A link for that file, good once, while the grant holds one of these scopes. Raises Busy."""


class Approvals(Protocol):
    """What people say to single calls."""

    async def wanted(self, user_id: UUID, service: str) -> bool:
        """Whether the person wants to be asked about that service. Raises Busy."""

    def deed(self, user_id: UUID, grant_id: UUID, tool: str, connection: UUID | None, exactly: Any) -> Deed:
        """One call of one chat; `exactly` is all that it would do, as JSON."""

    async def ask(self, deed: Deed, preview: Preview) -> str:
        """The handle of a question about just that call, new or still open. Raises PersonGone, Busy."""

    async def settle(self, deed: Deed) -> Decision | None:
        """Use up the person's answer to just that call, for one caller; None: there is none. Raises Busy."""

    async def agree(self, handle: str, deed: Deed) -> bool:
        """Use up that question where it is open and about just that call; for one caller. Raises Busy."""

    async def drop(self, handle: str, user_id: UUID, grant_id: UUID) -> bool:
        """End a chat's question that its person has said no to in the chat. Raises Busy."""


class Directory(Protocol):
    """Which providers and services are configured here."""

    @property
    def configured(self) -> tuple[Provider, ...]:
        """Providers with an app of the operator."""

    @property
    def unset(self) -> tuple[Provider, ...]:
        """Providers that the operator could still set up."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """All our scopes, in a stable order."""

    def get(self, name: str) -> Provider:
        """The configured provider of that name. Raises KeyError."""

    def service(self, name: str) -> tuple[Provider, Service]:
        """The configured service of that name and its provider. Raises KeyError."""

    def upstream(self, provider: str, ours: Iterable[str]) -> frozenset[str]:
        """The upstream scopes that our scopes need at one configured provider. Raises KeyError."""


class Witness(Protocol):
    """Who is told of what is not for one person's page of activity: the audit."""

    def note(
        self,
        event: Event,
        *,
        outcome: str = "ok",
        user_id: UUID | None = None,
        client_id: str | None = None,
        provider: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Note an event, in words of ours; returns at once and never raises."""


class Diary(Protocol):
    """Where a person sees what was done with their accounts."""

    def note(
        self,
        *,
        user_id: UUID,
        grant_id: UUID,
        client_id: str,
        client_name: str,
        action: str,
        provider: str | None,
        connection: UUID | None,
        outcome: str,
        milliseconds: int,
    ) -> None:
        """Note a call of the tool `action`; returns at once and never raises."""
