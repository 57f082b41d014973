"""What a chat may be given, in words: each service off, for reading, or for reading and writing.

A service may allow a chat more than connecting asked for: what its person has allowed at the provider since,
or may be asked for when a tool needs it. Whoever chooses a level reads of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connect.words import LEVEL_TITLES, LEVELS, Level, Line, may, ours
from providers.base import Provider, Service
from vault.health import health
from vault.store.connections import Connection


@dataclass(frozen=True, slots=True)
class Choice:
    """One service on a form: the levels on offer, the one preset, and what each means."""

    name: str
    title: str
    levels: tuple[Level, ...]
    preset: Level
    says: Mapping[Level, str]

    @property
    def titles(self) -> Mapping[Level, str]:
        """What the levels are called."""
        return LEVEL_TITLES


def choice(provider: Provider, service: Service, most: Level, preset: Level, held: frozenset[str]) -> Choice:
    """A service with the levels up to `most`; `held` is what its person's accounts allow at the provider."""
    levels = LEVELS[: LEVELS.index(most) + 1]
    return Choice(
        name=service.name,
        title=service.title,
        levels=levels,
        preset=preset,
        says={level: _says(provider, service, level, most, held) for level in levels},
    )


def _says(provider: Provider, service: Service, level: Level, most: Level, held: frozenset[str]) -> str:
    if level == "off":
        return f"It may not use {service.title}."
    said = [f"It may {_read(service)}"]
    if level == "write":
        said.append(f"It may also {may(service.write.chat or service.write.sentence)}")
    elif most == "write":
        said.append("It may not change anything.")
    later = [access for access in service.later if f"{service.name}:{access.level}" in ours(service, level)]
    given = [may(access.sentence).rstrip(".") for access in later if access.scopes <= held]
    asked = [may(access.sentence).rstrip(".") for access in later if not access.scopes <= held]
    if given:
        said.append(f"As you have allowed that at {provider.title}, it may also {'; '.join(given)}.")
    if asked:
        said.append(f"Where it needs that, it can ask you at {provider.title} to let it {'; '.join(asked)}.")
    return " ".join(said)


def _read(service: Service) -> str:
    return may(service.read.chat or service.read.sentence)


def held_at(provider: Provider, connections: Iterable[Connection]) -> frozenset[str]:
    """The upstream scopes that a person's accounts at a provider are good for, as far as they work."""
    scopes = [each.scopes for each in connections if each.provider == provider.name and health(each).works]
    return provider.widened(frozenset().union(*scopes))


def chat_lines(
    providers: Iterable[Provider], scopes: frozenset[str], connections: Sequence[Connection]
) -> tuple[Line, ...]:
    """What a chat that holds these scopes of ours may do with its person's accounts, one line each."""
    found = []
    for provider in providers:
        more = provider.least(held_at(provider, connections))
        for service in provider.services:
            if f"{service.name}:read" in scopes:
                found.append(Line(service.title, _read(service)))
            if f"{service.name}:write" in scopes:
                found.append(Line(service.title, may(service.write.chat or service.write.sentence)))
            found += [
                Line(service.title, may(access.sentence))
                for access in service.later
                if f"{service.name}:{access.level}" in scopes and access.scopes <= more
            ]
    return tuple(found)
