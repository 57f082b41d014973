"""How files get out of a provider's hands and into them: one line for each kind of parcel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from providers.base import CredentialSource, Parcel
from providers.http import Http
from providers.streaming import Streams


class Outgoing(Protocol):
    """A file on its way out. `length` in bytes, None where it is not known before its end."""

    @property
    def length(self) -> int | None:
        """Its bytes."""

    def pieces(self) -> AsyncIterator[bytes]:
        """Its content, a little at a time. Raises ProviderError where it breaks off or is too large."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file on its way in, with what its sender calls it. `pieces` may raise whatever ends the sending."""

    name: str = field(repr=False)
    media_type: str
    pieces: AsyncIterator[bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of it: its name, its bytes, and the provider's own page of it where there is one."""

    name: str = field(repr=False)
    size: int
    url: str = field(default="", repr=False)


Fetch = Callable[[Streams, CredentialSource, Parcel], AbstractAsyncContextManager[Outgoing]]
"""Opens the file of a parcel, for as long as the block lasts. Raises ProviderError."""

Put = Callable[[Http, CredentialSource, Parcel, Incoming], Awaitable[Stored]]
"""Brings a file to where the parcel says. Where it raises, nothing of it is left there; but for an
Unavailable that is `ambiguous`: then nobody knows."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """A provider's kinds of parcels. Those in `held` are in memory as a whole while they are put."""

    fetches: Mapping[str, Fetch]
    puts: Mapping[str, Put]
    held: frozenset[str] = frozenset()
