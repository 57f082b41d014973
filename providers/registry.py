"""Which upstreams there are. Adding a provider is its file plus its line in `PROVIDERS`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, overload

from providers.base import App, Provider, Service
from providers.carrier import Carrier
from providers.google import GOOGLE
from providers.google.transfer import CARRIER as GOOGLE_CARRIER
from providers.spotify import SPOTIFY

PROVIDERS: tuple[Provider, ...] = (
    SPOTIFY,
    GOOGLE,
)

CARRIERS: Mapping[str, Carrier] = {GOOGLE.name: GOOGLE_CARRIER}
"""How files go in and out, where a provider has any."""

_LEVELS: tuple[Literal["read", "write"], ...] = ("read", "write")


class UnknownName(KeyError):
    """No configured provider, service or app has this name. `str()` is a sentence."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        super().__init__(name)
        self.sentence = f"There is no {what} named {name!r} here. There is: {', '.join(known) or 'none'}."

    def __str__(self) -> str:
        return self.sentence


class Registry:
    """The providers that are configured. `unset` are the others.

    `apps` are the operator's apps by provider name; it is read anew each time, so it may change. A provider
    is configured where it has one, or where its name is in `own`: then people bring an app of their own, if
    its record lets them. Our scopes are `<service>:read` and `<service>:write`,
    and write includes read. Raises ValueError where two providers share a name or a service
    name, or a record says in no way, or in two, whose account it is.
    """

    def __init__(
        self, providers: Iterable[Provider], apps: Mapping[str, App], own: Collection[str] = ()
    ) -> None:
        known = tuple(providers)
        for provider in known:
            if (provider.account is None) == (provider.openid is None):
                raise ValueError(f"{provider.name} must say whose account it is by one of account and openid")
        _refuse_twins("provider", [provider.name for provider in known])
        # An identity is issuer and subject: two records of one issuer would share their people.
        _refuse_twins("issuer", [provider.issuer for provider in known])
        _refuse_twins("service", [service.name for provider in known for service in provider.services])
        self._apps = apps
        self._own = frozenset(p.name for p in known if p.name in own and p.own_apps)
        self.known: tuple[Provider, ...] = known

    @property
    def configured(self) -> tuple[Provider, ...]:
        """Providers that a person can connect: by the operator's app, or by their own."""
        return tuple(p for p in self.known if p.services and (p.name in self._own or p.name in self._apps))

    @property
    def operated(self) -> tuple[Provider, ...]:
        """Providers with an app of the operator: only those can sign people in."""
        return tuple(p for p in self.known if p.name in self._apps)

    @property
    def unset(self) -> tuple[Provider, ...]:
        """Providers that the operator could still set up."""
        return tuple(
            p for p in self.known if p.services and p.name not in self._own and p.name not in self._apps
        )

    def record(self, name: str) -> Provider:
        """The provider of that name, configured or not. Raises UnknownName."""
        found = self.find(name)
        if found is None:
            raise UnknownName("provider", name, (provider.name for provider in self.known))
        return found

    def find(self, name: str) -> Provider | None:
        """The same, or None: for what was about a provider that there may be no more."""
        return next((provider for provider in self.known if provider.name == name), None)

    def get(self, name: str) -> Provider:
        """The configured provider of that name. Raises UnknownName."""
        for provider in self.configured:
            if provider.name == name:
                return provider
        raise UnknownName("provider", name, (provider.name for provider in self.configured))

    def way(self, name: str) -> Provider:
        """The provider of that name that signs people in. Raises UnknownName."""
        for provider in self.operated:
            if provider.name == name:
                return provider
        raise UnknownName("way in", name, (provider.name for provider in self.operated))

    def app(self, provider: str, ref: str) -> App:
        """The operator's app that `ref` names at a provider. Raises UnknownName."""
        app = self._apps.get(self.record(provider).name)
        if app is None or app.ref != ref:
            raise UnknownName(f"{provider} app", ref, [app.ref] if app else [])
        return app

    def service(self, name: str) -> tuple[Provider, Service]:
        """The configured service of that name, with its provider. Raises UnknownName."""
        for provider in self.configured:
            for service in provider.services:
                if service.name == name:
                    return provider, service
        raise UnknownName("service", name, (s.name for p in self.configured for s in p.services))

    @property
    def scopes(self) -> tuple[str, ...]:
        """All our scopes, in the order of the records: read before write."""
        return tuple(
            f"{service.name}:{level}"
            for provider in self.configured
            for service in provider.services
            for level in _LEVELS
        )

    @property
    def offered(self) -> Sequence[str]:
        """`scopes` as a view that changes with them, for whoever keeps it."""
        return _Offered(self)

    def upstream(self, provider: str, ours: Iterable[str]) -> frozenset[str]:
        """The least upstream scopes that our scopes need at one provider; others' scopes add nothing.

        The record's `identity_scopes` are not among them: whoever asks a person adds those.
        """
        asked, record = frozenset(ours), self.get(provider)
        needed: frozenset[str] = frozenset()
        for service in record.services:
            for level in _LEVELS:
                if f"{service.name}:{level}" in asked:
                    needed |= service.upstream(level)
        return record.least(needed)

    def satisfied(self, provider: str, granted: Iterable[str]) -> frozenset[str]:
        """Our scopes that these upstream scopes are enough for."""
        record = self.get(provider)
        held = record.widened(granted)
        return frozenset(
            f"{service.name}:{level}"
            for service in record.services
            for level in _LEVELS
            if service.upstream(level) <= held
        )

    def begun(self, provider: str, granted: Iterable[str]) -> frozenset[str]:
        """Our scopes that these upstream scopes are enough for in part only.

        A box was unticked, or the record has come to ask for more since the consent.
        """
        record = self.get(provider)
        held = record.widened(granted)
        own = {
            f"{service.name}:{level}": access.scopes
            for service in record.services
            for level, access in zip(_LEVELS, (service.read, service.write), strict=True)
        }
        touched = frozenset(ours for ours, scopes in own.items() if scopes & held)
        return touched - self.satisfied(provider, granted)


class _Offered(Sequence[str]):
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[str, ...]: ...
    def __getitem__(self, at: int | slice) -> str | tuple[str, ...]:
        return self._registry.scopes[at]

    def __len__(self) -> int:
        return len(self._registry.scopes)


def _refuse_twins(what: str, names: list[str]) -> None:
    twins = {name for name in names if names.count(name) > 1}
    if twins:
        raise ValueError(f"two records share the {what} name {', '.join(sorted(twins))}")
