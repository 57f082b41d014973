"""One visit of the doctor: which Valet is meant, everything opened, examined, and closed again."""

from __future__ import annotations

import asyncio

from providers.registry import PROVIDERS
from valet import running
from valet.doctor.chart import examine
from valet.doctor.finding import Finding
from valet.doctor.patient import admitted
from valet.emulation import as_demo
from valet.reach import mode_of
from valet.settings import SettingsError, environment, load


def visit(demo: bool) -> list[Finding]:
    """What there is to say of the Valet that is meant. Where settings are wrong, that and no more."""
    from valet.serve import folder

    try:
        values = environment()
        settings = load(values, PROVIDERS)
        mode = mode_of(settings, demo)
        if mode == "demo":
            values = as_demo(values)
            settings = load(values, PROVIDERS)
    except SettingsError as error:
        return [_wrong(sentence) for sentence in error.faults]
    # The demo's settings are no file's: the one that runs says where it is.
    there = running.read(folder(settings, mode)) if mode == "demo" else None
    origin = there.public_url if there is not None else None

    async def run() -> list[Finding]:
        async with admitted(settings, values, mode, origin=origin) as patient:
            return await examine(patient)

    return asyncio.run(run())


def _wrong(sentence: str) -> Finding:
    name, colon, rest = sentence.partition(": ")
    fix = f"set it right in .env or the environment: {name}" if colon else "see .env.example"
    return Finding("fault", rest or sentence if colon else sentence, fix, "settings")
