"""Spans of a trace (OpenTelemetry), or nothing at all where nobody collects them.

What may stand on a span is a closed list (`Attribute`): words of our own code, numbers and classes of errors.
No text of an exception, no URL, nobody's name; a stack trace quotes what it was given, so none is recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Literal, Protocol, Self, cast

from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, StatusCode, Tracer, get_current_span, set_span_in_context
from opentelemetry.util.types import AttributeValue

Attribute = Literal[
    "error.type",
    "db.system.name",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "valet.door",
    "valet.outcome",
    "valet.operation",
    "valet.provider",
    "valet.request_id",
    "valet.tool",
]
Attributes = Mapping[Attribute, str | int]


class Span(Protocol):
    """A step of a trace while it lasts."""

    def set(self, name: Attribute, value: str | int) -> None:
        """Say something about it."""

    def fail(self, kind: str) -> None:
        """It did not work; `kind` is a word of ours or a class of an error."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class _Off:
    """A span that nobody collects: one for all."""

    __slots__ = ()

    def set(self, name: Attribute, value: str | int) -> None:
        """Nothing."""

    def fail(self, kind: str) -> None:
        """Nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


NOTHING: Span = _Off()
"""The span that is none."""


class _On:
    """A span that begins with its block and ends with it; tasks that the block starts are within it."""

    __slots__ = ("_attributes", "_kind", "_links", "_name", "_root", "_span", "_token", "_tracer")

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        kind: SpanKind,
        attributes: Attributes,
        root: bool,
        links: Sequence[Link],
    ) -> None:
        self._tracer, self._name, self._kind = tracer, name, kind
        self._attributes, self._root, self._links = attributes, root, links

    def set(self, name: Attribute, value: str | int) -> None:
        """Say something about it."""
        self._span.set_attribute(name, value)

    def fail(self, kind: str) -> None:
        """It did not work."""
        self._span.set_attribute("error.type", kind)
        self._span.set_status(StatusCode.ERROR)

    def __enter__(self) -> Self:
        self._span = self._tracer.start_span(
            self._name,
            context=Context() if self._root else None,
            kind=self._kind,
            attributes=cast("Mapping[str, AttributeValue]", self._attributes),
            links=self._links,
            record_exception=False,
            set_status_on_exception=False,
        )
        self._token = contexts.attach(set_span_in_context(self._span))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.fail("cancelled" if isinstance(error, asyncio.CancelledError) else type(error).__name__)
        contexts.detach(self._token)
        self._span.end()


class Spans:
    """Begins spans with that tracer; without one it does nothing, which takes no time."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer

    @property
    def on(self) -> bool:
        """Whether anybody collects them."""
        return self._tracer is not None

    def __call__(
        self, name: str, attributes: Attributes | None = None, *, client: bool = False, within: bool = False
    ) -> Span:
        """A step of what is under way in this task, or the first of a new trace. `client`: somebody else is
        asked. `within`: only as a part of something; what runs by itself in the background has none.
        """
        if self._tracer is None or (within and not get_current_span().is_recording()):
            return NOTHING
        kind = SpanKind.CLIENT if client else SpanKind.INTERNAL
        return _On(self._tracer, name, kind, attributes or {}, False, ())

    def request(self, name: str, attributes: Attributes, links: Sequence[Link] = ()) -> Span:
        """The first step of a trace of its own, whatever is under way."""
        if self._tracer is None:
            return NOTHING
        return _On(self._tracer, name, SpanKind.SERVER, attributes, True, links)
