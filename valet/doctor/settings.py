"""The settings, beyond what `valet.settings` refuses to start on."""

from __future__ import annotations

from urllib.parse import urlsplit

from valet.doctor.finding import Finding, note, ok, warning
from valet.doctor.patient import Patient
from valet.settings import is_loopback


async def look(at: Patient) -> list[Finding]:
    """What is set, and what of it is odd."""
    settings = at.settings
    host = urlsplit(at.origin).hostname or ""
    local = is_loopback(host)
    found = [ok(f"{at.origin}, {'the demo' if at.mode == 'demo' else 'a real server'}")]
    if "*" in settings.allowed and not local:
        found.append(
            warning(
                "everybody may sign in (VALET_ALLOW=*)", "list who may: VALET_ALLOW, or valet users allow"
            )
        )
    if not local and is_loopback(settings.host) and not settings.proxies.networks:
        found.append(
            note(
                "no reverse proxy is named",
                "if one runs on this machine: VALET_TRUSTED_PROXIES=127.0.0.1",
            )
        )
    if local and settings.emulator_origin is not None and at.mode == "live":
        found.append(note(f"upstreams are emulated at {settings.emulator_origin}"))
    return found
