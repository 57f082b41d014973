"""How the processes that serve are started: by the shortest way, without what only other commands need."""

from __future__ import annotations

from valet import plain  # noqa: F401 - before whatever loads structlog

# isort: split

import gc
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from valet.hardening import harden

if TYPE_CHECKING:
    from valet.assembly import Door

DOORS: dict[str, Door] = {"mcp-server": "mcp_server", "connect": "connect"}
_PARTS: dict[Door, str] = {"mcp_server": "valet.resource", "connect": "valet.sidecar"}


def door(name: Door) -> None:
    """Run one door alone, beside other processes, until it is told to end."""
    _run((name,))


def both() -> None:
    """Run both doors in one process, until it is told to end."""
    _run(None)


def _run(doors: tuple[Door, ...] | None) -> None:
    if sys.platform == "win32":
        from valet.refusal import UNSERVED, refuse

        refuse(UNSERVED)
    harden()
    try:
        _serve(doors)
    except KeyboardInterrupt:
        # Before the server's own handlers stand; what had begun is unwound by then.
        sys.exit(130)


def _serve(doors: tuple[Door, ...] | None) -> None:
    gc.disable()
    from providers.registry import PROVIDERS
    from valet import banner, logging
    from valet.assembly import BOTH
    from valet.refusal import spoken
    from valet.serve import Place, folder, serve
    from valet.settings import apps, environment, load

    for name in doors or BOTH:
        import_module(_PARTS[name])
    # What was loaded stays, and nearly all of it is in use: to look through it for garbage, once even, is a
    # sixth of a start. What is made of it from here on is looked through.
    gc.freeze()
    gc.enable()
    with spoken():
        values = environment()
        settings = load(values, PROVIDERS)
        logging.configure(settings.log_level, settings.log_format)
        at = Place(folder(settings, "live"), "live", settings, apps(values, PROVIDERS), doors=doors or BOTH)
        serve(at, banner.show_door if doors else banner.show)
