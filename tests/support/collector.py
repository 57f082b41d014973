"""A collector of traces: OTLP over HTTP, as OpenTelemetry's exporters speak it, with everything kept."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Spoken:
    """One span as it came over the wire."""

    name: str
    trace: bytes
    id: bytes
    parent: bytes
    attributes: dict[str, str]
    links: tuple[bytes, ...] = ()
    events: int = 0
    status: str = ""


@dataclass
class Collector:
    """Listens on a port of the system's choice while the block lasts. `raw` is all bodies that came."""

    raw: bytearray = field(default_factory=bytearray)
    spans: list[Spoken] = field(default_factory=list)
    resources: list[dict[str, str]] = field(default_factory=list)
    authorized: set[str] = field(default_factory=set)
    status: int = 200

    def __post_init__(self) -> None:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if collector.status == 200 and self.path == "/v1/traces":
                    collector.take(body)
                    collector.authorized.add(self.headers.get("Authorization", ""))
                self.send_response(collector.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def take(self, body: bytes) -> None:
        """One export."""
        asked = ExportTraceServiceRequest.FromString(body)
        self.raw += body
        for resource in asked.resource_spans:
            self.resources.append({each.key: _value(each.value) for each in resource.resource.attributes})
            for scope in resource.scope_spans:
                self.spans += [
                    Spoken(
                        span.name,
                        span.trace_id,
                        span.span_id,
                        span.parent_span_id,
                        {each.key: _value(each.value) for each in span.attributes},
                        tuple(link.trace_id for link in span.links),
                        len(span.events),
                        span.status.message,
                    )
                    for span in scope.spans
                ]

    def within(self, root: Spoken) -> list[Spoken]:
        """The spans of the same trace."""
        return [span for span in self.spans if span.trace == root.trace]

    def path(self, span: Spoken) -> list[str]:
        """The names from the root down to that span."""
        found = [span]
        while found[0].parent:
            found.insert(0, next(each for each in self.spans if each.id == found[0].parent))
        return [each.name for each in found]

    def __enter__(self) -> Collector:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _value(value: object) -> str:
    which = value.WhichOneof("value")  # type: ignore[attr-defined]
    return str(getattr(value, which)) if which else ""
