"""What every API of Google's is to the emulator: hosts, a table of methods, a state, and quotas."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.routing import Route

from providers.emulator.google.guard import Handler, guarded, unbuilt
from providers.emulator.google.people import Person
from providers.emulator.google.quota import Bucket
from providers.emulator.upstream import Reads, Writes

if TYPE_CHECKING:
    from providers.emulator.google.upstream import Google

Json = dict[str, Any]
Method = tuple[str, str, str, tuple[str, ...]]
"""Name, verb, path beneath `base` and accepted scopes (without their prefix), as the discovery document has
them."""


class Api:
    """One API. A subclass names itself, says what is there (`settle`) and what it answers (`handlers`).

    `name` is the key of its state. `base` is `/host/path` before every path of `served` and `unbuilt`; what
    is uploaded has whole paths of its own (`uploads`). `modern`: its errors have a `status` and no `errors`,
    `both`: they have both.
    `media` are the methods that may be asked for with alt=media. `ids` finds what the journal shows as
    `{id}`. `buckets` are its quotas, `cost` what a method takes of which (default: 1 of the first).
    """

    name: ClassVar[str]
    base: ClassVar[str]
    served: ClassVar[tuple[Method, ...]]
    unbuilt: ClassVar[tuple[tuple[str, str], ...]] = ()
    uploads: ClassVar[tuple[Method, ...]] = ()
    hosts: ClassVar[frozenset[str]]
    modern: ClassVar[bool] = False
    both: ClassVar[bool] = False
    media: ClassVar[frozenset[str]] = frozenset()
    ids: ClassVar[re.Pattern[str] | None] = None
    buckets: ClassVar[tuple[Bucket, ...]] = ()
    cost: ClassVar[Mapping[str, tuple[str, int]]] = {}

    def __init__(self, google: Google) -> None:
        self.google = google

    def settle(self, now: float) -> None:
        """Everything as the world begins at `now` (epoch seconds); `google.people` are there already."""

    def handlers(self) -> Mapping[str, Handler]:
        """What answers each method of `served` and `uploads`, by its name."""
        return {}

    def reads(self) -> Reads:
        """Further names under GET `/_control/`."""
        return {}

    def writes(self) -> Writes:
        """Further names under POST `/_control/`."""
        return {}

    def shown(self, person: Person) -> Json:
        """What the control surface says of somebody's here."""
        return {}

    def dump(self) -> Json:
        """What outlives a restart, as JSON-ready values."""
        return {}

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave. Raises KeyError or TypeError where it is not that."""

    # What every API can do

    def owns(self, path: str) -> bool:
        """Whether `/host/path` is one of its paths."""
        return path.startswith((f"{self.base}/", *(upload[2].partition("{")[0] for upload in self.uploads)))

    def template(self, path: str) -> str:
        """`path` with ids as `{id}`."""
        return path if self.ids is None else self.ids.sub(r"/\1/{id}", path)

    def routes(self) -> list[Route]:
        """What is served, and 501 for the rest of the API."""
        handlers = self.handlers()
        served = [(name, verb, self.base + path, scopes) for name, verb, path, scopes in self.served]
        return [
            *(self._route(name, verb, path, handlers[name], scopes)
              for name, verb, path, scopes in (*served, *self.uploads)),
            *(self._route(self.name, verb, self.base + path, unbuilt) for verb, path in self.unbuilt),
        ]  # fmt: skip

    def _route(
        self, method: str, verb: str, path: str, handler: Handler, scopes: Iterable[str] = ()
    ) -> Route:
        return Route(path, guarded(self, method, handler, scopes), methods=[verb])


def rest(text: str) -> tuple[tuple[str, str], ...]:
    """What an API has and the emulator has not, out of lines like `GET,POST /path /another`."""
    return tuple(
        (verb, path)
        for verbs, *paths in (line.split() for line in text.strip().splitlines())
        for path in paths
        for verb in verbs.split(",")
    )
