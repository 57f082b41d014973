"""Where traces go: to the collector that the standard variables of OpenTelemetry name, or nowhere.

The tracer is handed to our own parts and never made the process's: what the libraries beneath us would put on
spans of theirs (URLs, names that strangers wrote, texts of exceptions) is collected by nobody. Without
OTEL_EXPORTER_OTLP_ENDPOINT nothing of the SDK is loaded.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

import structlog

from providers.spans import Spans
from valet.settings import SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

_log = structlog.get_logger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_LAST = 3.0
"""Seconds for the last spans at the end of the process, however the collector is."""


def wanted(values: Mapping[str, str]) -> bool:
    """Whether the environment names a collector. Raises SettingsError where it wants what we can't do."""
    if values.get("OTEL_SDK_DISABLED", "").lower() == "true" or values.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    if not any(values.get(name) for name in _ENDPOINTS):
        return False
    protocol = next((values[name] for name in _PROTOCOLS if values.get(name)), "http/protobuf")
    if protocol != "http/protobuf":
        raise SettingsError([f"{_PROTOCOLS[1]}: only http/protobuf is spoken; unset it, or name such a port"])
    return True


@contextmanager
def traced(values: Mapping[str, str] | None = None) -> Iterator[Spans]:
    """Spans for as long as the block lasts, by the process's environment; the last are sent at its end.

    Raises SettingsError.
    """
    if not wanted(os.environ if values is None else values):
        yield Spans()
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        sentence = "is set, and OpenTelemetry's SDK is not installed: install valet[otel], or unset it"
        raise SettingsError([f"{_ENDPOINTS[0]}: {sentence}"]) from None
    # What the operator says of it counts before what we say.
    said = {"service.name": "valet", "service.version": version("valet")}
    provider = TracerProvider(
        resource=Resource(dict(said)).merge(Resource.create({"service.name": _service()})),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(_told(OTLPSpanExporter())))
    try:
        yield Spans(provider.get_tracer("valet"))
    finally:
        # It waits for as long as the exporter tries, and a collector that is away must not keep us.
        end = threading.Thread(target=provider.shutdown, daemon=True)
        end.start()
        end.join(_LAST)


def _service() -> str:
    from opentelemetry.sdk.resources import OTELResourceDetector

    return str(OTELResourceDetector().detect().attributes.get("service.name") or "valet")


def _told(exporter: SpanExporter) -> SpanExporter:
    """The exporter, which says once when spans get lost and when they arrive again.

    Its own log lines are kept silent: they quote addresses and what a collector answered.
    """
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Told(SpanExporter):
        """Beside the other one."""

        lost = False

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            """Send them."""
            result = exporter.export(spans)
            lost = result is not SpanExportResult.SUCCESS
            if lost != self.lost:
                (_log.warning if lost else _log.info)("traces_lost" if lost else "traces_arrive_again")
            self.lost = lost
            return result

        def shutdown(self) -> None:
            """End it."""
            exporter.shutdown()

    return Told()
