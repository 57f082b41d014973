"""A circuit for each provider's token endpoint: while it fails for everybody, hardly anybody asks it.

`Timing.faults` failures in a row within `Timing.faults_within` seconds open it. While it is open nothing is
sent; then one request is, and what comes of that closes it or opens it again. What says that the endpoint is
ill is no answer, a 5xx, or an answer that can't be read. One that refuses in proper words is well.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from prometheus_client import CollectorRegistry, Gauge

from providers.base import AppRejected, ProviderError, Unavailable
from vault.timing import Timing

_log = structlog.get_logger(__name__)

_LONGEST = 300.0
"""Seconds: how long an endpoint that names a time itself is left alone at most before it is asked again."""
_PROBING = 2.0
"""Seconds after which to come back while the one request is under way."""


class CircuitOpen(Exception):
    """Nothing was sent: the endpoint is left alone for now. `seconds` until it is worth another try."""

    def __init__(self, seconds: float) -> None:
        super().__init__("the token endpoint is left alone after failures")
        self.seconds = seconds


@dataclass(slots=True)
class _Circuit:
    faults: deque[float] = field(default_factory=deque)
    until: float | None = None
    probing: bool = False


class Circuits:
    """One for each provider, in this process. `clock` is monotonic; `registry` is the caller's."""

    def __init__(
        self,
        timing: Timing,
        registry: CollectorRegistry | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timing = timing
        self._clock = clock
        self._circuits: dict[str, _Circuit] = {}
        self._open = Gauge(
            "valet_token_endpoint_open_circuit",
            "1 while a provider's token endpoint is left alone because it fails, else 0.",
            ("provider",),
            registry=registry or CollectorRegistry(),
        )

    def room(self, provider: str, most: int, busy: int = 0) -> int:
        """How many more requests may be on their way, of `most`, besides the `busy` ones.

        None while it is open; after that one, and only if no other is.
        """
        circuit = self._of(provider)
        if self._wait(circuit) > 0:
            return 0
        return max((most if circuit.until is None else min(most, 1)) - busy, 0)

    @contextmanager
    def call(self, provider: str) -> Iterator[None]:
        """Around one request to the endpoint. Raises CircuitOpen where it is not to be sent."""
        circuit = self._of(provider)
        wait = self._wait(circuit)
        if wait > 0:
            raise CircuitOpen(wait)
        probe = circuit.until is not None
        circuit.probing = probe
        try:
            yield
        except AppRejected:
            raise  # it may never have been asked: an app that is not set up here is refused here
        except (TimeoutError, Unavailable) as error:
            self._failed(provider, circuit, probe, getattr(error, "retry_after", None) or 0)
            raise
        except ProviderError:
            self._answered(provider, circuit)
            raise
        else:
            self._answered(provider, circuit)
        finally:
            # Without a verdict (the caller was cancelled) the next one is the probe.
            circuit.probing = circuit.probing and not probe

    def _of(self, provider: str) -> _Circuit:
        return self._circuits.setdefault(provider, _Circuit())

    def _wait(self, circuit: _Circuit) -> float:
        if circuit.until is None:
            return 0
        return max(circuit.until - self._clock(), _PROBING if circuit.probing else 0)

    def _failed(self, provider: str, circuit: _Circuit, probe: bool, retry_after: float) -> None:
        now = self._clock()
        probe = probe and circuit.until is not None  # an earlier request may have been answered meanwhile
        if circuit.until is not None and not probe:
            return  # sent before it opened
        circuit.faults.append(now)
        while circuit.faults[0] < now - self._timing.faults_within:
            circuit.faults.popleft()
        if probe or len(circuit.faults) >= self._timing.faults:
            pause = max(self._timing.open, min(retry_after, _LONGEST))
            circuit.until = now + pause
            circuit.faults.clear()
            self._open.labels(provider).set(1)
            _log.warning("token_endpoint_left_alone", provider=provider, seconds=round(pause))

    def _answered(self, provider: str, circuit: _Circuit) -> None:
        circuit.faults.clear()
        if circuit.until is not None:
            circuit.until = None
            _log.info("token_endpoint_answers_again", provider=provider)
        self._open.labels(provider).set(0)
