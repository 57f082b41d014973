"""Every setting, read in one place from the environment and `.env`, checked in one go.

Provider apps are read under the names that the provider's record gives (`SPOTIFY_CLIENT_ID` …), so a
new provider adds no setting here.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

import psycopg
from dotenv import dotenv_values
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from connect.address import Proxies
from connect.admission import Guests
from connect.preset import read_preset
from connect.regular import NotRegular, regular
from providers.base import App, Provider
from valet import oidc
from vault.rings.choose import parse

DEFAULT_PORT = 8420
_MOST = 64 * 1024
"""Bytes of a file that holds a setting."""


class SettingsError(Exception):
    """One or more settings are wrong; `faults` holds a sentence for each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Settings(BaseModel):
    """The settings, in the words of `.env.example`."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    public_url: str = Field(f"http://127.0.0.1:{DEFAULT_PORT}", alias="PUBLIC_URL")
    host: str = Field("127.0.0.1", alias="VALET_HOST")
    port: int = Field(DEFAULT_PORT, ge=1, le=65535, alias="VALET_PORT")
    ops_host: str = Field("127.0.0.1", alias="VALET_OPS_HOST")
    ops_port: int | None = Field(None, ge=1, le=65535, alias="VALET_OPS_PORT")
    database_url: SecretStr | None = Field(None, alias="DATABASE_URL")
    migration_database_url: SecretStr | None = Field(None, alias="MIGRATION_DATABASE_URL")
    data_dir: Path | None = Field(None, alias="VALET_DATA_DIR")
    keyring: str | None = Field(None, alias="VALET_KEYRING")
    db_user: str | None = Field(None, alias="VALET_DB_USER")
    allow: str = Field("", alias="VALET_ALLOW")
    own_apps: str = Field("", alias="VALET_OWN_APPS")
    trusted_proxies: str = Field("", alias="VALET_TRUSTED_PROXIES")
    client_documents: bool = Field(True, alias="VALET_CLIENT_DOCUMENTS")
    clients: Path | None = Field(None, alias="VALET_CLIENTS")
    oidc_issuer: str = Field("", alias="OIDC_ISSUER")
    oidc_title: str = Field("", alias="OIDC_TITLE")
    emulator_origin: str | None = Field(None, alias="VALET_EMULATOR_ORIGIN")
    drain_seconds: int = Field(0, ge=0, le=300, alias="VALET_DRAIN_SECONDS")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", alias="VALET_LOG_LEVEL")
    log_format: Literal["console", "json"] = Field("console", alias="VALET_LOG_FORMAT")

    @property
    def origin(self) -> str:
        """The public origin without a trailing slash: the issuer."""
        return self.public_url.rstrip("/")

    @property
    def loopback(self) -> bool:
        """True while both the bind address and the public URL are of this machine only."""
        return is_loopback(_split(self.public_url).hostname or "") and is_loopback(self.host)

    @property
    def owning(self) -> frozenset[str]:
        """Providers that people may bring an app for although the operator has none there."""
        return frozenset(_entries(self.own_apps))

    @property
    def allowed(self) -> frozenset[str]:
        """The entries of VALET_ALLOW; on a loopback server the default lets everybody in."""
        entries = frozenset(_entries(self.allow))
        return entries or (frozenset({"*"}) if self.loopback else frozenset())

    def known(self, providers: tuple[Provider, ...]) -> tuple[Provider, ...]:
        """`providers` and the operator's own OpenID provider, where there is one."""
        return oidc.known(providers, {"OIDC_ISSUER": self.oidc_issuer, "OIDC_TITLE": self.oidc_title})

    @property
    def proxies(self) -> Proxies:
        """The reverse proxies whose X-Forwarded-For is believed. Raises ValueError."""
        return Proxies.read(_entries(self.trusted_proxies))


def environment(folder: Path | None = None) -> dict[str, str]:
    """The process environment over `.env` in `folder` (default: the working directory).

    A setting NAME may be given as NAME_FILE, the path of a file with its value: how Docker and Kubernetes
    hand over secrets. Raises SettingsError.
    """
    file = dotenv_values((folder or Path.cwd()) / ".env")
    values = {**{name: value for name, value in file.items() if value is not None}, **os.environ}
    faults = []
    for name in [name for name in values if _is_file_setting(name) and values[name]]:
        setting = name.removesuffix("_FILE")
        if values.get(setting):
            faults.append(f"{setting}: is set, and so is {name}; unset one of the two")
            continue
        try:
            values[setting] = _held(Path(values[name]))
        except NotRegular as error:
            faults.append(f"{name}: the file {error}; give the path of one that holds the value")
            continue
        except (OSError, ValueError) as error:
            # The kind only: a fault of decoding quotes what it could not read.
            faults.append(f"{name}: the file can't be read ({type(error).__name__}); check path and rights")
            continue
        if fault := _unfit(setting, values[setting]):
            faults.append(f"{name}: {fault}")
    if faults:
        raise SettingsError(faults)
    return values


def _held(path: Path) -> str:
    """The value in a file, without the mark that some editors begin one with.

    Raises OSError, NotRegular, ValueError.
    """
    with regular(path) as file:
        raw = file.read(_MOST + 1)
    if len(raw) > _MOST:
        raise ValueError("too large for a setting")
    return raw.decode("utf-8-sig").strip()


def _unfit(setting: str, value: str) -> str:
    """What is wrong with a value from a file; nothing where it may be one."""
    if setting.endswith(("_CLIENT_ID", "_CLIENT_SECRET", "_URL")) and not value.isprintable():
        return "the file has more than one line, or signs that nobody types; it must hold the value alone"
    # An app's may be empty, for a provider that is not used. Without a database Valet would begin a new one.
    if not value and not setting.endswith(("_CLIENT_ID", "_CLIENT_SECRET")):
        return "the file is empty; write the value into it, or unset this"
    return ""


def _is_file_setting(name: str) -> bool:
    """True for NAME_FILE of a setting that is ours: other programs have variables that end like this, too."""
    setting = name.removesuffix("_FILE")
    return setting != name and (
        setting.endswith(("_CLIENT_ID", "_CLIENT_SECRET"))
        or setting in {field.alias for field in Settings.model_fields.values()}
    )


def load(values: Mapping[str, str], providers: tuple[Provider, ...], **overrides: object) -> Settings:
    """The settings from `values`, with `overrides` by field name. Raises SettingsError with every fault."""
    known = {field.alias for field in Settings.model_fields.values() if field.alias}
    given: dict[str, object] = {name: value for name, value in values.items() if name in known and value}
    aliases = {name: field.alias for name, field in Settings.model_fields.items()}
    given.update({str(aliases[name]): value for name, value in overrides.items() if value is not None})
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        # Field names and rules only: a value may be a secret.
        raise SettingsError([f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors()]) from None
    every = oidc.known(providers, values)
    rules = [*_rules(settings, apps(values, providers), every), _clients_rule(settings.clients)]
    rules += [*oidc.rules(providers, values), _credential_rule(settings, values)]
    faults = [sentence for bad, sentence in rules if bad]
    if faults:
        raise SettingsError(faults)
    return settings


def apps(values: Mapping[str, str], providers: tuple[Provider, ...]) -> dict[str, App]:
    """The operator's apps by provider name, for the providers that have a client id."""
    found = {}
    for provider in oidc.known(providers, values):
        client_id = values.get(provider.client_id_setting, "").strip()
        secret = values.get(provider.client_secret_setting, "").strip()
        if client_id:
            found[provider.name] = App("operator", client_id, SecretStr(secret) if secret else None)
    return found


def is_loopback(host: str) -> bool:
    """True for localhost and the loopback addresses."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _entries(listed: str) -> list[str]:
    """The entries of a list, separated by commas or blanks."""
    return listed.replace(",", " ").split()


def _strange_proxy(entries: list[str]) -> str:
    """What is wrong with VALET_TRUSTED_PROXIES; nothing where all is well."""
    for number, entry in enumerate(entries, 1):
        try:
            Proxies.read([entry])
        except ValueError as error:
            return f"entry {number} {error}"
    return ""


def _strange_guest(entries: list[str], providers: tuple[Provider, ...]) -> int:
    """Which entry of VALET_ALLOW can't be read, counted from 1; 0 where all can."""
    issuers = {provider.name: provider.issuer for provider in providers}
    for number, entry in enumerate(entries, 1):
        try:
            Guests.read([entry], issuers)
        except ValueError:
            return number
    return 0


def _clients_rule(path: Path | None) -> tuple[bool, str]:
    """Whether the file of VALET_CLIENTS is wrong, and what about it."""
    try:
        read_preset(path)
    except ValueError as error:
        return True, f"VALET_CLIENTS: {error}"
    return False, ""


def _split(url: str) -> SplitResult:
    """The parts of a URL; none at all where it is no URL (its port included)."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return urlsplit("")
    return parts


def _is_local_origin(url: str) -> bool:
    parts = _split(url)
    return parts.scheme == "http" and is_loopback(parts.hostname or "") and not parts.path.rstrip("/")


def _ring_fault(setting: str | None) -> str:
    """What is wrong with VALET_KEYRING; nothing where all is well."""
    try:
        parse(setting or "")
    except ValueError as error:
        return str(error)
    return ""


def _credential_rule(settings: Settings, values: Mapping[str, str]) -> tuple[bool, str]:
    """Whether systemd handed over a ring that nothing names: neither it nor another is taken silently."""
    handed = values.get("CREDENTIALS_DIRECTORY")
    overlooked = handed and settings.keyring is None and (Path(handed) / "keyring").exists()
    return bool(overlooked), (
        "VALET_KEYRING: is not set, and systemd handed over a credential called keyring; use it with "
        "Environment=VALET_KEYRING=%d/keyring in the unit, or give it another name"
    )


def _is_conninfo(url: SecretStr | None) -> bool:
    """True for a URL or keyword string that libpq understands, and for none at all."""
    try:
        conninfo_to_dict(url.get_secret_value() if url else "")
    except psycopg.ProgrammingError:
        return False
    return True


def _spelling_rule(url: SplitResult) -> tuple[bool, str]:
    """Whether browsers would say it otherwise: nobody would come in by it."""
    usual = {"https": ":443", "http": ":80"}.get(url.scheme, " ")
    return url.netloc != url.netloc.lower() or url.netloc.endswith(usual), (
        "PUBLIC_URL: write it as browsers say it, in lower case and without :443; each letter is compared"
    )


def _rules(
    settings: Settings, configured: Mapping[str, App], providers: tuple[Provider, ...]
) -> list[tuple[bool, str]]:
    url = _split(settings.public_url)
    local = is_loopback(url.hostname or "")
    extra = url.path.rstrip("/") or url.query or url.fragment or url.username or url.password
    names = [provider.name for provider in providers]
    strange = _strange_guest(_entries(settings.allow), providers)
    proxy = _strange_proxy(_entries(settings.trusted_proxies))
    emulated = settings.emulator_origin is not None
    return [
        (
            url.scheme not in {"http", "https"} or not url.hostname or bool(extra),
            "PUBLIC_URL: give just scheme and host, such as https://valet.example.org",
        ),
        _spelling_rule(url),
        (
            url.scheme == "http" and not local,
            "PUBLIC_URL: use https; plain http is accepted only for 127.0.0.1",
        ),
        (
            not settings.loopback and not settings.allowed,
            "VALET_ALLOW: say who may sign in on a public server: addresses, @DOMAIN, PROVIDER:ACCOUNT_ID, "
            "several separated by commas, or * for everybody",
        ),
        (
            bool(strange),
            f"VALET_ALLOW: entry {strange} is not understood; write an address, @DOMAIN of an organisation "
            f"(@gmail.com is none: list addresses), PROVIDER:ACCOUNT_ID ({', '.join(names)}) or *",
        ),
        (bool(proxy), f"VALET_TRUSTED_PROXIES: {proxy}"),
        (
            bool(settings.owning - {provider.name for provider in providers if provider.own_apps}),
            "VALET_OWN_APPS: names a provider where people can't bring an app of their own; possible: "
            + ", ".join(provider.name for provider in providers if provider.own_apps),
        ),
        (
            emulated and not local,
            "VALET_EMULATOR_ORIGIN: is for the demo and for tests; it needs a loopback PUBLIC_URL",
        ),
        (
            emulated and any(not app.client_id.startswith("emulator-") for app in configured.values()),
            "VALET_EMULATOR_ORIGIN: real client ids are set as well; unset one of the two",
        ),
        (
            not emulated and any(app.client_id.startswith("emulator-") for app in configured.values()),
            "a client id begins with emulator- but VALET_EMULATOR_ORIGIN is not set; use the id from the "
            "provider's dashboard",
        ),
        (
            settings.emulator_origin is not None and not _is_local_origin(settings.emulator_origin),
            "VALET_EMULATOR_ORIGIN: give a loopback origin such as http://localhost:9009",
        ),
        (
            settings.ops_port == settings.port,
            "VALET_OPS_PORT: is VALET_PORT as well; choose another, that one is for people and chat clients",
        ),
        *_storage_rules(settings),
    ]


def _storage_rules(settings: Settings) -> list[tuple[bool, str]]:
    ring = _ring_fault(settings.keyring)
    return [
        (bool(ring), f"VALET_KEYRING: {ring}"),
        *(
            (
                not _is_conninfo(given),
                f"{name}: is not a PostgreSQL URL; write postgresql://USER:PASSWORD@HOST/NAME",
            )
            for name, given in (
                ("DATABASE_URL", settings.database_url),
                ("MIGRATION_DATABASE_URL", settings.migration_database_url),
            )
        ),
        (
            settings.migration_database_url is not None and settings.database_url is None,
            "MIGRATION_DATABASE_URL: is set without DATABASE_URL; set both or neither",
        ),
    ]
