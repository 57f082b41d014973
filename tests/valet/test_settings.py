"""Settings: defaults, every fault at once, and no value of a secret in a complaint."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from providers.registry import PROVIDERS
from valet.settings import Settings, SettingsError, apps, environment, load

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = {"PUBLIC_URL": "https://valet.example.org", "VALET_ALLOW": "*"}


def faults(**values: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(values, PROVIDERS)
    return str(caught.value)


def test_nothing_set_is_a_loopback_server_that_lets_its_owner_in() -> None:
    settings = load({}, PROVIDERS)
    assert settings.origin == "http://127.0.0.1:8420"
    assert settings.loopback and settings.allowed == {"*"}


def test_a_public_server_without_a_guest_list_refuses_to_start() -> None:
    assert "VALET_ALLOW" in faults(PUBLIC_URL="https://valet.example.org")
    assert "VALET_ALLOW" in faults(VALET_HOST="0.0.0.0")
    assert not load(PUBLIC, PROVIDERS).loopback


@pytest.mark.parametrize(
    "url",
    [
        "http://valet.example.org",
        "https://valet.example.org/path",
        "https://user@valet.example.org",
        "https://valet.example.org?x=1",
        "ftp://127.0.0.1",
        "valet.example.org",
        "http://[::1",
        "https://valet.example.org:99999",
        # Nobody would come in: browsers send neither in Host and Origin.
        "https://valet.example.org:443",
        "https://Valet.example.org",
        "http://127.0.0.1:80",
    ],
)
def test_a_public_url_is_an_origin_and_nothing_else(url: str) -> None:
    assert "PUBLIC_URL" in faults(PUBLIC_URL=url, VALET_ALLOW="*")


def test_own_apps_are_for_providers_that_take_them() -> None:
    assert load({}, PROVIDERS).owning == frozenset()
    assert load({"VALET_OWN_APPS": "spotify, "}, PROVIDERS).owning == {"spotify"}
    for wrong in ("google", "spotify,nothing"):
        assert "VALET_OWN_APPS" in faults(VALET_OWN_APPS=wrong)


def test_a_slash_at_the_end_is_not_part_of_the_issuer() -> None:
    assert load({**PUBLIC, "PUBLIC_URL": "https://valet.example.org/"}, PROVIDERS).origin.endswith(".org")


def test_all_faults_are_told_at_once() -> None:
    told = faults(PUBLIC_URL="http://valet.example.org", VALET_EMULATOR_ORIGIN="http://localhost:1")
    assert told.count("\n") == 2
    assert all(name in told for name in ("PUBLIC_URL", "VALET_ALLOW", "VALET_EMULATOR_ORIGIN"))


@pytest.mark.parametrize(
    "entry",
    [
        "spotify",
        "spotify:",
        "a b:c/d",
        "deezer:1",
        "@",
        "ana@",
        "@-",
        "a@b@c",
        "*@example.org",
        "@gmail.com",
        "@a..b",
        "a;b",
    ],
)
def test_a_guest_list_entry_that_means_nothing_here_is_refused(entry: str) -> None:
    assert "VALET_ALLOW" in faults(VALET_ALLOW=entry)
    told = faults(VALET_ALLOW=f"ana@example.org, {entry}")
    assert "VALET_ALLOW: entry 2 is not understood" in told


@pytest.mark.parametrize(
    "entry", ["ana@example.org", "@example.org", "spotify:1", "google:108", "*", "a+b@x.example, @y.example"]
)
def test_a_guest_list_entry_that_can_be_read(entry: str) -> None:
    assert load({**PUBLIC, "VALET_ALLOW": entry}, PROVIDERS).allowed


def test_the_emulator_is_never_mixed_with_real_apps() -> None:
    origin = {"VALET_EMULATOR_ORIGIN": "http://localhost:9009"}
    assert "unset one" in faults(**origin, SPOTIFY_CLIENT_ID="0a1b2c")
    assert "emulator-" in faults(SPOTIFY_CLIENT_ID="emulator-spotify")
    assert load({**origin, "SPOTIFY_CLIENT_ID": "emulator-x"}, PROVIDERS).emulator_origin


def test_a_complaint_never_holds_the_value() -> None:
    told = faults(
        DATABASE_URL="canary-database", VALET_PORT="canary-port", MIGRATION_DATABASE_URL="canary-owner"
    )
    assert "canary" not in told and "VALET_PORT" in told


def test_apps_come_from_the_names_in_the_providers_record() -> None:
    found = apps({"SPOTIFY_CLIENT_ID": " id ", "SPOTIFY_CLIENT_SECRET": "canary"}, PROVIDERS)
    assert found["spotify"].client_id == "id"
    assert "canary" not in repr(found)
    assert apps({"SPOTIFY_CLIENT_ID": "id"}, PROVIDERS)["spotify"].client_secret is None
    assert apps({"SPOTIFY_CLIENT_ID": ""}, PROVIDERS) == {}


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("VALET_PORT=1\nVALET_HOST=from-file\n")
    monkeypatch.setenv("VALET_PORT", "2")
    monkeypatch.delenv("VALET_HOST", raising=False)
    values = environment(tmp_path)
    assert (values["VALET_PORT"], values["VALET_HOST"]) == ("2", "from-file")


def test_the_example_file_names_every_setting_and_no_other() -> None:
    text = (ROOT / ".env.example").read_text()
    text, compose, demo = re.split(r"^# --- (?:On a server|Demo)", text, flags=re.MULTILINE)
    documented = set(re.findall(r"^([A-Z_]+)=", text + demo, re.MULTILINE))
    known = {str(field.alias) for field in Settings.model_fields.values()}
    for provider in load(OIDC, PROVIDERS).known(PROVIDERS):
        known |= {provider.client_id_setting, provider.client_secret_setting}
    assert documented == known
    only_there = set(re.findall(r"^([A-Z_]+)=", compose, re.MULTILINE))
    assert only_there == set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "compose.yaml").read_text())) - known


def test_the_example_file_is_a_valid_setting_as_it_stands() -> None:
    lines = re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert load(dict(lines), PROVIDERS) == load({}, PROVIDERS)


@pytest.mark.parametrize("origin", ["http://[::1", "https://evil.example", "http://localhost:1/path", "9009"])
def test_an_emulator_is_on_this_machine(origin: str) -> None:
    assert "VALET_EMULATOR_ORIGIN" in faults(VALET_EMULATOR_ORIGIN=origin)


def test_trusted_proxies_are_networks_and_none_by_default() -> None:
    assert load({}, PROVIDERS).proxies.networks == ()
    proxies = load({"VALET_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8 fd00::/8"}, PROVIDERS).proxies
    assert [str(network) for network in proxies.networks] == ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"]
    assert load({"VALET_TRUSTED_PROXIES": "FD00:0::/8"}, PROVIDERS).proxies.networks == proxies.networks[2:]


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ("10.0.0.1, nginx", "entry 2 is not an address"),
        ("10.1.2.3/8", "entry 1 .*10.0.0.0/8"),
        ("0.0.0.0/0", "anybody"),
    ],
)
def test_a_proxy_that_can_not_be_meant_is_explained(entries: str, told: str) -> None:
    assert re.search(f"VALET_TRUSTED_PROXIES: .*{told}", faults(VALET_TRUSTED_PROXIES=entries))


def test_a_wrong_file_of_clients_is_told_with_its_entry(tmp_path: Path) -> None:
    file = tmp_path / "clients.json"
    assert "VALET_CLIENTS: the file can't be read" in faults(VALET_CLIENTS=str(file))
    file.write_text('[{"client_id": "a-client", "client_name": "A client", "redirect_uris": ["ftp://x"]}]')
    assert "VALET_CLIENTS: entry 1: A redirect URI" in faults(VALET_CLIENTS=str(file))
    file.write_text('[{"client_id": "a", "client_name": "A", "redirect_uris": ["http://127.0.0.1/cb"]}]')
    assert load({"VALET_CLIENTS": str(file)}, PROVIDERS).clients == file


OIDC = {"OIDC_ISSUER": "https://id.example.org/realms/house", "OIDC_CLIENT_ID": "valet"}


def test_an_openid_provider_of_ones_own_is_one_more_way_in() -> None:
    settings = load({**OIDC, "OIDC_TITLE": "House"}, PROVIDERS)
    *rest, last = settings.known(PROVIDERS)
    assert tuple(rest) == PROVIDERS
    assert (last.name, last.title, last.issuer) == ("oidc", "House", OIDC["OIDC_ISSUER"])
    assert load(OIDC, PROVIDERS).known(PROVIDERS)[-1].title == "id.example.org"
    assert load({}, PROVIDERS).known(PROVIDERS) == PROVIDERS
    found = apps({**OIDC, "OIDC_CLIENT_SECRET": "canary"}, PROVIDERS)["oidc"]
    assert found.client_id == "valet"
    assert "canary" not in repr(found)
    assert load({**PUBLIC, **OIDC, "VALET_ALLOW": "oidc:auth0|7"}, PROVIDERS).allowed == {"oidc:auth0|7"}


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"OIDC_ISSUER": "http://id.example.org"}, "OIDC_ISSUER: give the issuer"),
        ({"OIDC_ISSUER": "https://id.example.org?x=1"}, "OIDC_ISSUER: give the issuer"),
        ({"OIDC_ISSUER": "id.example.org"}, "OIDC_ISSUER: give the issuer"),
        ({"OIDC_CLIENT_ID": ""}, "OIDC_CLIENT_ID: is missing"),
        ({"OIDC_ISSUER": ""}, "OIDC_ISSUER: is missing"),
        ({"OIDC_ISSUER": "https://accounts.google.com"}, "Google is here already"),
        ({"OIDC_ISSUER": "https://accounts.google.com/"}, "Google is here already"),
        ({"VALET_EMULATOR_ORIGIN": "http://localhost:9009"}, "real client ids"),
    ],
)
def test_what_is_wrong_with_it_is_said(values: dict[str, str], fault: str) -> None:
    with pytest.raises(SettingsError, match=fault):
        load({**OIDC, **values}, PROVIDERS)


def test_without_it_its_entries_are_not_understood() -> None:
    with pytest.raises(SettingsError, match="entry 1 is not understood"):
        load({**PUBLIC, "VALET_ALLOW": "oidc:7"}, PROVIDERS)


def test_a_ring_that_systemd_hands_over_is_named_or_stops_the_start(tmp_path: Path) -> None:
    """Neither taken silently, nor passed over for a ring of our own."""
    values = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    load(values, PROVIDERS)
    (tmp_path / "keyring").write_bytes(b"{}")
    with pytest.raises(SettingsError, match="VALET_KEYRING=%d/keyring"):
        load(values, PROVIDERS)
    named = load(values | {"VALET_KEYRING": f"{tmp_path}/keyring"}, PROVIDERS)
    assert named.keyring == f"{tmp_path}/keyring"


def test_a_setting_may_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://app:canary@db/valet"
    (tmp_path / "url").write_text(f"{url}\n")
    (tmp_path / "secret").write_text("canary-secret\n")
    (tmp_path / ".env").write_text(f"DATABASE_URL_FILE={tmp_path}/url\n")
    monkeypatch.setenv("SPOTIFY_CLIENT_SECRET_FILE", f"{tmp_path}/secret")
    monkeypatch.setenv("SSL_CERT_FILE", f"{tmp_path}/not-there")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    values = environment(tmp_path)
    assert values["DATABASE_URL"] == url and values["SPOTIFY_CLIENT_SECRET"] == "canary-secret"
    assert "SSL_CERT" not in values, "a variable of somebody else's"


@contextmanager
def soon() -> Iterator[None]:
    """Whoever still waits in the block after ten seconds hears an OSError."""

    def enough(number: int, frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, enough)
    signal.alarm(10)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_a_link_to_a_file_is_a_file_and_a_pipe_or_a_device_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubernetes mounts a secret as a link through a link. A pipe would hold the start up for ever."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "secret").write_text("canary-secret\n")
    (tmp_path / "secret").symlink_to("..data/secret")
    monkeypatch.setenv("SPOTIFY_CLIENT_SECRET_FILE", f"{tmp_path}/secret")
    assert environment(tmp_path)["SPOTIFY_CLIENT_SECRET"] == "canary-secret"
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name, path in (("DATABASE_URL", f"{tmp_path}/link"), ("GOOGLE_CLIENT_ID", "/dev/zero")):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(f"{name}_FILE", path)
    with soon(), pytest.raises(SettingsError) as caught:
        environment(tmp_path)
    told = "the file is a pipe or a device, not a regular file; give the path of one that holds the value"
    assert caught.value.faults == [f"DATABASE_URL_FILE: {told}", f"GOOGLE_CLIENT_ID_FILE: {told}"]
    with soon():
        assert "VALET_CLIENTS: the file is a pipe" in faults(VALET_CLIENTS=f"{tmp_path}/pipe")


def test_what_is_amiss_with_a_file_is_said_without_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "binary").write_bytes(b"canary\xff")
    monkeypatch.setenv("DATABASE_URL_FILE", f"{tmp_path}/binary")
    monkeypatch.setenv("GOOGLE_CLIENT_ID_FILE", f"{tmp_path}/missing")
    monkeypatch.setenv("PUBLIC_URL", "http://127.0.0.1:8420")
    monkeypatch.setenv("PUBLIC_URL_FILE", f"{tmp_path}/binary")
    with pytest.raises(SettingsError) as caught:
        environment(tmp_path)
    assert len(caught.value.faults) == 3 and "canary" not in str(caught.value)
    assert "GOOGLE_CLIENT_ID_FILE: the file can't be read (FileNotFoundError)" in str(caught.value)
    assert "PUBLIC_URL: is set, and so is PUBLIC_URL_FILE" in str(caught.value)


def test_a_file_that_an_editor_marked_holds_the_value_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_bytes(b"\xef\xbb\xbfcanary-secret\r\n")
    (tmp_path / "nothing").touch()
    monkeypatch.setenv("SPOTIFY_CLIENT_SECRET_FILE", f"{tmp_path}/secret")
    monkeypatch.setenv("GOOGLE_CLIENT_SECRET_FILE", f"{tmp_path}/nothing")
    values = environment(tmp_path)
    assert values["SPOTIFY_CLIENT_SECRET"] == "canary-secret"
    assert values["GOOGLE_CLIENT_SECRET"] == "", "a provider that is not used"


@pytest.mark.parametrize(
    ("setting", "content", "told"),
    [
        ("DATABASE_URL", b"\n", "the file is empty"),
        ("VALET_KEYRING", b"", "the file is empty"),
        ("SPOTIFY_CLIENT_SECRET", b"canary\ncanary", "more than one line"),
        ("DATABASE_URL", b"postgresql://canary@db/valet\x00", "more than one line"),
        ("DATABASE_URL", None, "IsADirectoryError"),
        ("GOOGLE_CLIENT_SECRET", b"canary" * 20_000, "ValueError"),
    ],
    ids=["empty", "empty-ring", "lines", "nul", "folder", "huge"],
)
def test_a_file_that_can_not_be_meant_stops_the_start(
    setting: str, content: bytes | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty file for DATABASE_URL would begin a new and empty Valet."""
    path = tmp_path / "value"
    path.mkdir() if content is None else path.write_bytes(content)
    monkeypatch.delenv(setting, raising=False)
    monkeypatch.setenv(f"{setting}_FILE", str(path))
    with pytest.raises(SettingsError, match=f"{setting}_FILE: .*{told}") as caught:
        environment(tmp_path)
    assert "canary" not in str(caught.value)
