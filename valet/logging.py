"""Logging: one line per event to stderr, as JSON or for a terminal. No values that could be secrets.

uvicorn's access log and the HTTP libraries' request logs print URLs with their queries (codes, handles),
so they stay silent at every level; our own line per request has the path only.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Literal

import structlog

from providers.transport import quiet_loggers


def _one_line(_: object, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Escape control characters: whatever text gets into a line, it stays one and moves no cursor."""
    text = event.get("event")
    if isinstance(text, str) and not text.isprintable():
        event["event"] = text.encode("unicode_escape", errors="backslashreplace").decode("ascii")
    return event


def configure(level: str, style: Literal["console", "json"]) -> None:
    """Set up structlog and the standard library's root logger."""
    _hold_streams()
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    shared.append(_one_line)
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        # Plain tracebacks: the pretty ones print local variables.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    exceptions = [structlog.processors.format_exc_info] if style == "json" else []
    structlog.configure(
        # First, so that what is not printed costs next to nothing.
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *exceptions, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    quiet_loggers()
    # The pool quotes connection strings in its warnings; whoever meets an outage logs it without them.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    # They quote where spans are sent and what was answered; `tracing.py` says what is to be said.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").disabled = True
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.WARNING if level != "DEBUG" else logging.DEBUG)


def _hold_streams() -> None:
    """Let what is closed of the standard streams lead nowhere. Else a socket of ours would get its number: it
    would be written to as if it were a log, and libuv aborts where it has to close one.
    """
    while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(spare)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until the process ends
