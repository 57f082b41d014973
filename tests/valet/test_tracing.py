"""Where traces go: what the environment may ask for, and a collector that is away."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog
from opentelemetry import trace

from providers.spans import NOTHING, Spans
from tests.support.collector import Collector
from tests.support.doors import ROOT, environment
from tests.support.ports import free_port
from tests.vault.upstreams import until
from valet.settings import SettingsError
from valet.tracing import traced, wanted

HERE = "http://127.0.0.1:4318"


@pytest.mark.parametrize(
    ("values", "on"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": HERE}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": HERE}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": HERE, "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": HERE, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": HERE, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True),
    ],
    ids=["nothing", "name", "endpoint", "traces", "disabled", "none", "protocol"],
)
def test_the_standard_variables_say_whether_there_are_traces(values: dict[str, str], on: bool) -> None:
    assert wanted(values) is on


def test_a_protocol_that_is_not_spoken_is_refused() -> None:
    with pytest.raises(SettingsError, match="only http/protobuf"):
        wanted({"OTEL_EXPORTER_OTLP_ENDPOINT": HERE, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})


def test_without_a_collector_a_span_is_one_object_and_no_sdk_is_loaded(tmp_path: Path) -> None:
    with traced({}) as spans:
        assert spans("x") is spans.request("y", {}) is NOTHING and not spans.on
    code = "import sys, valet.serve, valet.assembly, valet.sidecar, valet.resource\n"
    code += "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**environment({}), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout == "[]\n"


async def test_spans_nest_over_tasks_name_errors_by_class_alone_and_arrive_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "ours")
        with traced() as spans:
            with spans.request("outer", {"valet.door": "connect"}):
                assert trace.get_current_span().is_recording()
                await asyncio.create_task(_fails(spans))
            assert spans("alone", within=True) is NOTHING
            # Nobody else's spans are collected: the tracer is handed over, not set for the process.
            with trace.get_tracer("another-library").start_as_current_span("theirs"):
                pass
        [inner, outer] = sorted(collector.spans, key=lambda span: span.name)
        assert collector.path(inner) == ["outer", "inner"]
        assert inner.attributes == {"valet.tool": "x", "error.type": "ValueError"}
        assert (inner.status, inner.events, outer.attributes) == ("", 0, {"valet.door": "connect"})
        assert [each["service.name"] for each in collector.resources] == ["ours"]
        assert b"canary" not in collector.raw


async def _fails(spans: Spans) -> None:
    with pytest.raises(ValueError, match="canary"), spans("inner", {"valet.tool": "x"}, within=True):
        raise ValueError("canary of an exception")


async def test_a_collector_that_is_away_is_told_of_once_and_its_address_is_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://canary:canary-secret@127.0.0.1:{free_port()}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    with structlog.testing.capture_logs() as logs, traced() as spans:
        for _ in range(3):
            with spans.request("x", {}):
                pass
            await until(lambda: any(line["event"] == "traces_lost" for line in logs))
    lost: list[Any] = [line for line in logs if line["event"] == "traces_lost"]
    assert len(lost) == 1 and "canary" not in str(logs)
