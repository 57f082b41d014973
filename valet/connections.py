"""`valet connections`: how everybody's connections stand, counted; and one person's, where they want help."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import typer

from connect.names import shown_name
from providers.registry import PROVIDERS
from valet import logging
from valet.oidc import known_in_demo
from valet.people import known, whose
from valet.reach import mode_of, reached
from valet.refusal import spoken
from valet.settings import environment, load
from valet.speech import Demo, Json
from vault.health import WORDS, health
from vault.store.connections import Connection, Connections
from vault.store.database import Database
from vault.store.people import People
from vault.store.standings import Standings
from vault.store.vitals import Endings, Strains, Vitals

_WEEKS = 4
_SAID = {
    "healthy": "healthy", "ending": "ends within two weeks", "ending_late": "ends within three days",
    "pausing": "pauses", "expired": "permission ran out", "revoked": "withdrawn at the provider",
    "lost_rotation": "an answer got lost", "no_refresh_token": "can't be renewed",
    "unreadable": "can't be opened (alarm)", "other": "no longer accepted",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Picture:
    """Numbers only. `counts` by provider and by `vault.health.WORDS`."""

    counts: Counter[tuple[str, str]]
    endings: list[Endings]
    strains: list[Strains]

    @property
    def providers(self) -> list[str]:
        """Those that have connections."""
        return sorted({provider for provider, _ in self.counts})


Who = Annotated[
    str | None, typer.Option("--user", help="One person's, by their id's beginning or the label of a way in.")
]


def connections(who: Who = None, demo: Demo = False, as_json: Json = False) -> None:
    """How people's connections stand: counted by provider and state, and which permissions end when.

    Nobody is named unless you ask for one person with --user.
    """
    logging.configure("WARNING", "console")
    with spoken():
        told = asyncio.run(_told(who, demo))
    if isinstance(told, Picture):
        typer.echo(json.dumps(_json(told)) if as_json else "\n".join(_lines(told)))
        return
    typer.echo(json.dumps([_one(each) for each in told]) if as_json else "\n".join(_listed(told)))


async def _told(who: str | None, demo: bool) -> Picture | list[Connection]:
    settings = load(environment(), PROVIDERS)
    mode = mode_of(settings, demo)
    providers = known_in_demo(PROVIDERS) if mode == "demo" else settings.known(PROVIDERS)
    async with reached(settings, mode, asleep=True) as database:
        if who is None:
            return await picture(database)
        people = known(await People(database).list(), {each.issuer: each.title for each in providers})
        return await Connections(database).live(whose(people, who).person.id)


async def picture(database: Database) -> Picture:
    """The numbers. Raises Busy."""
    counts: Counter[tuple[str, str]] = Counter()
    for each in await Standings(database).count():
        counts[each.provider, health(each).word] += each.count
    vitals = Vitals(database)
    return Picture(counts, await vitals.endings(), await vitals.strains())


def _lines(told: Picture) -> list[str]:
    if not told.counts:
        return ["Nobody has connected anything yet."]
    lines: list[str] = []
    for provider in told.providers:
        total = sum(count for (of, _), count in told.counts.items() if of == provider)
        lines.append(f"{provider}: {total}")
        lines += [
            f"  {told.counts[provider, word]:>7}  {_SAID[word]}"
            for word in WORDS
            if told.counts[provider, word]
        ]
        lines += [f"  {line}" for line in _about(told, provider)]
    return lines


def _about(told: Picture, provider: str) -> Iterable[str]:
    for each in told.strains:
        if each.provider != provider:
            continue
        if each.longest is not None:
            yield f"the longest ago that one in use was refreshed: {_ago(each.longest)}"
        if each.failing:
            yield f"failed to refresh three times or more: {each.failing}"
    ends = [f"{each.count} from {each.week}" for each in told.endings if each.provider == provider][:_WEEKS]
    if ends:
        yield f"permissions end by themselves, by week: {', '.join(ends)}"


def _ago(since: timedelta) -> str:
    hours = int(since.total_seconds() // 3600)
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"


def _json(told: Picture) -> dict[str, object]:
    return {
        "connections": [
            {"provider": provider, "health": word, "count": told.counts[provider, word]}
            for provider in told.providers
            for word in WORDS
        ],
        "ending": [
            {"provider": each.provider, "week": each.week.isoformat(), "count": each.count}
            for each in told.endings
        ],
        "refreshes": [
            {
                "provider": each.provider,
                "failing": each.failing,
                "overdue": each.overdue,
                "longest_ago": each.longest.total_seconds() if each.longest is not None else None,
            }
            for each in told.strains
        ],
    }


def _one(of: Connection) -> dict[str, object]:
    stands = health(of)
    return {
        "provider": of.provider,
        "label": of.label,
        "default": of.is_default,
        "health": stands.word,
        "reason": stands.reason or None,
        "ends": of.grant_expires_at.isoformat(timespec="seconds") if of.grant_expires_at else None,
        "since": of.created_at.isoformat(timespec="seconds"),
        "last_used": of.last_used_at.isoformat(timespec="seconds") if of.last_used_at else None,
    }


def _listed(found: list[Connection]) -> list[str]:
    lines = []
    for each in found:
        used = f"last used {each.last_used_at:%Y-%m-%d %H:%M}" if each.last_used_at else "never used"
        # What a stranger calls their account must not drive a terminal.
        label = shown_name(each.label, "?")
        default = " (default)" if each.is_default else ""
        lines.append(f"{each.provider}  {label}{default}  {_SAID[health(each).word]}  {used}")
    return lines or ["That person has connected nothing."]
