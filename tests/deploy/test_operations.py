"""docs/operations.md, run as it stands: every block of commands, on a database with people in it."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import structlog
import yaml
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from tests.deploy.guide import GUIDE, ROOT, Terminal, parsed, sections
from tests.deploy.guide import manifests as written
from tests.support.household import Household, live_in, verified
from tests.support.kustomize import Resource, build, pod
from tests.vault.upstreams import FakeUpstream
from valet.embedded.supervisor import Supervisor  # noqa: F401 - loaded before a command needs it
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.store.migrate import migrate
from vault.store.sessions import Sessions
from vault.vault import open_vault

PEOPLE = 3
ANA = "ana@example.org"


@dataclass
class Site:
    """A Valet with people, and the terminal of whoever runs it."""

    terminal: Terminal
    household: Household
    urls: dict[str, str]
    mark: str

    @property
    def ring(self) -> Path:
        return Path(self.terminal.environment["VALET_KEYRING"])

    @property
    def leaked(self) -> Path:
        return self.terminal.elsewhere / "leaked.json"

    def renamed(self, statements: str) -> str:
        """SQL of the document with the roles and the database of this test."""
        statements = re.sub(r"\bvalet_app(_2)?\b", rf"valet_{self.mark}_app\1", statements)
        return re.sub(r"\bDATABASE valet\b", f"DATABASE valet_{self.mark}", statements)

    def opened(self, url: str, ring: Path) -> int:
        """How many sealed records of a database open by a ring."""
        return sum(good for good, _ in asyncio.run(verified(SecretStr(url), ring)).values())

    def all_opens(self, url: str | None = None) -> None:
        """Everybody's secrets come out as they went in."""

        async def look() -> None:
            database = Database(url or self.urls["app"])
            await database.open()
            vault = await open_vault(database, FileKeyRing(self.ring), FakeUpstream())
            await self.household.require_open(vault, database)
            await vault.close()
            await database.close()

        asyncio.run(look())


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The commands run in this process, each as if it were its own: what they set up goes with them."""
    monkeypatch.setattr("valet.cli.harden", lambda: None)
    root, configured = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**configured)
    root.handlers[:], root.level = handlers, level


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> list[Resource]:
    """As the document's own commands copy them."""
    folder = tmp_path_factory.mktemp("manifests")
    for name in ("deploy", "nginx.conf"):
        (folder / name).symlink_to(ROOT / name)
    [block] = [block for _, block in sections()["On Kubernetes"] if block.startswith("cp ")]
    subprocess.run(["sh", "-ec", block], cwd=folder, check=True)
    return build(folder / "my-valet/overlays/example")


@contextmanager
def settled(server_url: str, template: str, tmp_path: Path, manifests: list[Resource]) -> Iterator[Site]:
    """Three people, with all that a database holds of them; the first has a way in called ana@example.org."""
    mark = uuid4().hex[:10]
    name, app = sql.Identifier(f"valet_{mark}"), sql.Identifier(f"valet_{mark}_app")
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, sql.Identifier(template)))
        link.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'one'").format(app))
    owner = make_conninfo(server_url, dbname=f"valet_{mark}")
    urls = {"owner": owner, "app": make_conninfo(owner, user=f"valet_{mark}_app", password="one")}
    migrate(owner, app_role=f"valet_{mark}_app")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "held").mkdir()
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "VALET_DATA_DIR": str(tmp_path / "data"),
        "VALET_KEYRING": str(tmp_path / "held" / "keyring.json"),
        "DATABASE_URL": urls["app"],
        "MIGRATION_DATABASE_URL": urls["owner"],
    }
    told = Told(manifests)
    terminal = Terminal(
        tmp_path,
        environment,
        {"/run/keyring/": f"{tmp_path}/held/", "/tmp/ring": f"{tmp_path}/ring"},
        told,
    )
    household = asyncio.run(live_in(SecretStr(urls["app"]), Path(environment["VALET_KEYRING"]), PEOPLE))
    with psycopg.connect(owner, autocommit=True) as link:
        link.execute(
            "INSERT INTO identities (issuer, subject_index, user_id, label) VALUES (%s, %s, %s, %s)",
            ("https://accounts.google.com", b"\0" * 32, next(iter(household.access)), ANA),
        )
    made = Site(terminal, household, urls, mark)
    shutil.copy(made.ring, made.leaked)
    yield made
    with psycopg.connect(server_url, autocommit=True) as link:
        for (each,) in link.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE %s", (f"valet_{mark}%",)
        ).fetchall():
            link.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(each)))
        for (each,) in link.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE %s", (f"valet_{mark}%",)
        ).fetchall():
            link.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(each)))


@pytest.fixture
def site(server_url: str, template: str, tmp_path: Path, manifests: list[Resource]) -> Iterator[Site]:
    """One that the test may change."""
    with settled(server_url, template, tmp_path, manifests) as site:
        yield site


@pytest.fixture(scope="module")
def quiet(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory, manifests: list[Resource]
) -> Iterator[Site]:
    """One that nobody changes."""
    with settled(server_url, template, tmp_path_factory.mktemp("quiet"), manifests) as site:
        yield site


class Told:
    """Hears what kubectl and docker are told: the names in it are ours, and what runs inside is run."""

    def __init__(self, manifests: list[Resource]) -> None:
        known = [*manifests, *written()]
        self._names = {(each["kind"].lower(), each["metadata"]["name"]) for each in known}
        self._names |= {("deploy", name) for kind, name in self._names if kind == "deployment"}
        self.secrets = {
            volume["secret"]["secretName"]
            for each in manifests
            if pod(each)
            for volume in (pod(each) or {})["volumes"]
            if "secret" in volume
        }
        compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
        self._services = set(compose["services"])

    def __call__(self, words: list[str], terminal: Terminal) -> None:
        if words[:2] == ["docker", "compose"]:
            self._compose(words[2:], terminal)
            return
        ours = words[: min([words.index(each) for each in ("|", ">") if each in words], default=None)]
        verb, *rest = [each for each in ours[1:] if each not in {"--namespace", "valet"} or "--" in ours]
        if "--" in ours:  # what comes after it is not kubectl's
            at = ours.index("--")
            assert ours[1:3] == ["--namespace", "valet"] and ours[3] == "exec"
            self._named(ours[4])
            self._inside(ours[at + 1 :], words, terminal)
            return
        assert verb in {"get", "create", "delete", "apply", "wait", "rollout", "label", "logs"}, verb
        for each in rest:
            if re.fullmatch(r"(deploy|deployment|job)/[\w-]+", each):
                self._named(each)
            if each.startswith("--kustomize"):
                assert "my-valet/overlays/example" in ours
        if verb == "create" and rest[0] == "secret" and "|" in words:
            self._arrives(rest, terminal)

    def _named(self, word: str) -> None:
        assert tuple(word.split("/")) in self._names, f"there is no {word}"

    def _compose(self, words: list[str], terminal: Terminal) -> None:
        verb, *rest = [each for each in words if not each.startswith("--")]
        if verb == "run" and "--entrypoint" in words:  # what follows it is a program
            rest[:2] = reversed(rest[:2])
        assert verb in {"exec", "ps", "restart", "run", "up"} and set(rest[:1]) <= self._services, words
        if verb == "exec":
            service, program, *rest = rest
            if service == "postgres":
                self._dropped(program, rest)
                return
            assert program == "valet"
            terminal.valet(rest)
        if verb == "run":
            # Where what is removed was made by that very service.
            assert rest[:2] == ["init", "rm"]
            folder, _, name = rest[2].rpartition("/")
            init = (ROOT / "deploy/compose/init.py").read_text(encoding="utf-8")
            assert f'RUN / "{folder.removeprefix("/run/valet/")}"' in init and f'"{name}"' in init

    def _dropped(self, program: str, words: list[str]) -> None:
        """What a restore left, which tests/deploy/test_site.py looks at and drops."""
        assert program in {"psql", "dropdb"}
        restore = (ROOT / "deploy/compose/restore.sh").read_text(encoding="utf-8")
        [prefix] = re.findall(r"^old=(valet_\w+_)\$\(date -u \+%Y%m%dT%H%M%SZ\)$", restore, re.M)
        assert program == "psql" or re.fullmatch(rf"{prefix}\d{{8}}T\d{{6}}Z", *words), words

    def _inside(self, words: list[str], line: list[str], terminal: Terminal) -> None:
        """A command in a pod: ours, or a script of sh whose output may go to a file."""
        if words[0] == "valet":
            terminal.valet(words[1:])
            return
        assert words[:2] == ["sh", "-c"]
        ran = terminal.shell(terminal.placed(words[2]))
        assert ran.returncode == 0, ran.stderr
        terminal.said.append(ran.stderr)
        target = Path(terminal.placed(line[line.index(">") + 1]))
        target.touch(mode=0o600)  # as `umask 077` makes it
        target.write_text(ran.stdout, encoding="utf-8")

    def _arrives(self, words: list[str], terminal: Terminal) -> None:
        """The Secret that a pod has mounted is another one from now on."""
        assert words[2] in self.secrets
        for each in words:
            if words[2] == "valet-keyring" and each.startswith("--from-file=keyring.json="):
                ring = Path(terminal.environment["VALET_KEYRING"])
                ring.write_bytes(Path(terminal.placed(each.split("=", 2)[2])).read_bytes())


WALKED: set[str] = set()


@contextmanager
def section(heading: str) -> Iterator[list[tuple[str, str]]]:
    """Its blocks, each of which the test has to take."""
    blocks = list(sections()[heading])
    yield blocks
    assert not blocks, f"{heading}: {blocks} was not run"
    WALKED.add(heading)


def walk(site: Site, heading: str) -> str:
    """A section whose blocks are typed one after the other. What they printed."""
    with section(heading) as blocks:
        said = "".join(site.terminal.type(block) for language, block in blocks if language == "sh")
        blocks.clear()
    return said


QUIET = (
    "",
    "When it goes well",
    "Back up and restore",
    "What a restore leaves behind",
    "Upgrade and roll back",
    "Shorten the audit",
    "Certificates",
    "A provider is out of order",
    "The database is down or full",
    "A clock is wrong",
    "A worker grows",
)
"""Sections after whose commands everything is as before."""


@pytest.mark.parametrize("heading", QUIET)
def test_what_only_looks_leaves_everything_as_it_was(heading: str, quiet: Site) -> None:
    walk(quiet, heading)
    quiet.all_opens()
    assert quiet.ring.read_bytes() == quiet.leaked.read_bytes()


def test_the_doctor_of_the_page_has_nothing_against_keys_schema_and_audit(quiet: Site) -> None:
    """It finds that no process runs here and that nobody answers at the address; of what rests, nothing."""
    ran = replace(quiet.terminal, skipped=frozenset()).valet(["doctor", "--json"])
    findings = json.loads(ran)["findings"]
    bad = {each["about"] for each in findings if each["level"] in {"warning", "fault"}}
    assert not bad & {"settings", "database", "schema", "key ring", "connections", "limits", "audit"}, (
        findings
    )
    assert "canary" not in ran


def test_every_section_with_commands_is_run() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    for heading in sections():
        assert heading in QUIET or f'"{heading}"' in source, f"nothing runs {heading}"


def test_keys_are_rotated_while_valet_runs(site: Site) -> None:
    assert "everything opens" in walk(site, "Rotate the keys")
    site.all_opens()
    assert FileKeyRing(site.ring).active == "file:main:2"


def test_a_ring_that_is_a_secret_is_rotated_in_two_steps(site: Site) -> None:
    """The scripts that run in a pod, on the file that is mounted there; the Secret brings what they gave."""
    said = walk(site, "Where the ring is a Secret")
    assert FileKeyRing(site.ring).active == "file:main:2" and "file:main:2" in said
    site.all_opens()
    assert not (site.terminal.folder / "ring.json").exists(), "the pod keeps no copy"
    kept = site.terminal.elsewhere / "keyring.json"
    assert site.opened(site.urls["app"], kept) > 0
    assert site.opened(site.urls["app"], site.leaked) == 0, "re-wrapped"


def test_a_database_password_is_rotated_without_a_gap(site: Site, server_url: str) -> None:
    with section("Rotate a database password") as blocks:
        (_, make), (_, prepare), (_, drop), (_, compose) = blocks
        blocks.clear()
    site.terminal.type(compose)
    with psycopg.connect(server_url, autocommit=True) as link:
        for statement in site.renamed(make).strip().split(";\n"):
            link.execute(statement.rstrip(";"))  # type: ignore[arg-type]
    old, name = site.urls["app"], f"valet_{site.mark}_app_2"
    new = make_conninfo(old, user=name, password="a new one")
    site.terminal.environment["DATABASE_URL"] = new
    site.terminal.type(prepare)
    site.all_opens(old)
    site.all_opens(new)
    with psycopg.connect(site.urls["owner"], autocommit=True) as link:
        for statement in site.renamed(drop).strip().split(";\n"):
            link.execute(statement.rstrip(";"))  # type: ignore[arg-type]
    site.all_opens(new)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(old)
    assert "everything opens" in site.terminal.valet(["keys", "verify"])


def test_a_leaked_ring_opens_nothing_in_the_end(site: Site) -> None:
    assert site.opened(site.urls["app"], site.leaked) > 0
    said = walk(site, "The key ring leaked")
    assert said.count("everything opens") == 1
    assert site.opened(site.urls["app"], site.leaked) == 0
    site.all_opens()
    assert "file:main:1" not in site.terminal.valet(["keys", "status"])
    assert site.opened(site.urls["app"], site.terminal.elsewhere / "keyring-only-new.json") > 0


def test_a_leaked_database_opens_for_nobody_in_the_end(site: Site, server_url: str) -> None:
    theirs = sql.Identifier(f"valet_{site.mark}_leaked")
    with psycopg.connect(server_url, autocommit=True) as link:
        ours = sql.Identifier(f"valet_{site.mark}")
        link.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(theirs, ours))
    copy = make_conninfo(server_url, dbname=f"valet_{site.mark}_leaked")
    assert site.opened(copy, site.ring) > 0
    said = walk(site, "The database leaked")
    assert "everything opens" in said and "all is as it was written" in said
    assert site.opened(copy, site.ring) == 0, "the ring in force has no key of then"
    refused = asyncio.run(verified(SecretStr(copy), site.ring))
    assert {word for _, counts in refused.values() for word in counts} == {"unknown_key"}
    site.all_opens()


def test_after_both_leaked_what_leaked_is_worth_nothing(site: Site, server_url: str) -> None:
    name = f"valet_{site.mark}_new"
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        app = sql.Identifier(f"valet_{site.mark}_app")
        link.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(name), app))
    environment = site.terminal.environment
    for setting in ("DATABASE_URL", "MIGRATION_DATABASE_URL"):
        environment[setting] = make_conninfo(environment[setting], dbname=name)
    environment["VALET_KEYRING"] = str(site.terminal.folder / "held" / "new.json")
    with section("Both leaked") as blocks:
        (_, begin), (_, proof) = blocks
        blocks.clear()
    assert "everything opens" in site.terminal.type(begin)
    household = asyncio.run(live_in(SecretStr(environment["DATABASE_URL"]), site.ring, 1))
    assert len(household.access) == 1
    site.terminal.type(proof)
    assert site.opened(environment["DATABASE_URL"], site.leaked) == 0


def test_a_setup_link_is_printed_for_a_new_client_secret(site: Site) -> None:
    assert "/setup?t=" in walk(site, "A provider's client secret leaked")
    assert "/setup?t=" in walk(site, "Everybody has to connect again")
    site.all_opens()


def test_somebody_is_shut_out_at_once_and_let_in_again(site: Site) -> None:
    ana = next(iter(site.household.access))
    session = site.household.sessions.pop(ana)

    def signed_in() -> bool:
        async def look() -> bool:
            database = Database(site.urls["app"])
            await database.open()
            found = await Sessions(database).find(session)
            await database.close()
            return found is not None

        return asyncio.run(look())

    assert signed_in()
    with section("Somebody's account was taken") as blocks:
        (_, shut), (_, after) = blocks
        blocks.clear()
    assert f"blocked {ana.hex[:8]}" in site.terminal.type(shut)
    assert not signed_in()
    assert "BLOCKED" in site.terminal.valet(["users", "list"])
    assert "person_blocked" in site.terminal.type(after)
    assert "BLOCKED" not in site.terminal.valet(["users", "list"])
    assert not signed_in(), "they sign in anew"
    site.all_opens()


def test_whoever_hammers_at_the_door_is_shut_out(site: Site) -> None:
    site.terminal.valet(["users", "allow", "@example.net"])
    walk(site, "Somebody hammers at the door")
    said = site.terminal.valet(["users", "list"])
    assert "BLOCKED" in said and "@example.net" not in said


def test_a_lost_ring_comes_back_from_its_backup(site: Site) -> None:
    site.ring.rename(site.terminal.elsewhere / "keyring.json")
    said = walk(site, "The key ring is lost")
    assert said.count("everything opens") == 2
    assert site.ring.stat().st_mode & 0o777 == 0o600
    site.all_opens()


def test_what_does_not_open_is_named_by_its_class(site: Site) -> None:
    walk(site, "Something does not open")
    with psycopg.connect(site.urls["owner"], autocommit=True) as link:
        link.execute("UPDATE connections SET body = substr(body, 1, 100) WHERE owner = %s",
                     (next(iter(site.household.access)),))  # fmt: skip
    site.terminal.valet(["keys", "verify"], wanted=1)
    assert "tampered" in site.terminal.said[-1]


# --- On Kubernetes --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, manifests: list[Resource]) -> Terminal:
    """One that is trusted, without a Valet, where passwords, connection strings and the ring were made."""
    folder = tmp_path_factory.mktemp("machine")
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "VALET_KEYRING": "none"}
    made = Terminal(folder, environment, told=Told(manifests))
    ran = made.shell(made.placed(sections()["On Kubernetes"][1][1]))
    assert ran.returncode == 0, ran.stderr
    for path in made.elsewhere.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    for name in ("google-client-secret", "tls.crt", "tls.key",
                 "ACCESS_KEY_ID", "ACCESS_SECRET_KEY", "ACCESS_REGION"):  # fmt: skip
        (made.elsewhere / name).write_text("x")
    return made


def test_the_secrets_of_kubernetes_are_made_as_the_manifests_need_them(
    machine: Terminal, manifests: list[Resource]
) -> None:
    with section("On Kubernetes") as blocks:
        (_, _copied), (_, _made), (_, given) = blocks  # the first two by the fixtures
        blocks.clear()
    elsewhere = machine.elsewhere
    machine.type(given)
    secrets = {words[4]: keys(words) for line in given.splitlines()
               if (words := [each for each in parsed(line) if each not in {"--namespace", "valet"}])[1:3]
               == ["create", "secret"]}  # fmt: skip
    needed = wanted(manifests)
    assert needed.pop("valet-db-ca") == {"ca.crt"}, "made by the operator"
    assert set(secrets) == set(needed)
    for name, files in needed.items():
        assert files <= set(secrets[name]), name
    for words in secrets.values():
        for source in words.values():
            assert source is None or (elsewhere / Path(source).name).exists(), source


def keys(words: list[str]) -> dict[str, str | None]:
    """The keys of a Secret that `kubectl create secret` makes, and the files that they come from."""
    found: dict[str, str | None] = {}
    for word in words:
        if word.startswith("--from-file="):
            key, _, path = word.removeprefix("--from-file=").partition("=")
            found[key] = path
        elif word.startswith("--from-literal="):
            found[word.removeprefix("--from-literal=").partition("=")[0]] = None
        elif word.startswith("--cert="):
            found["tls.crt"] = word.partition("=")[2]
        elif word.startswith("--key="):
            found["tls.key"] = word.partition("=")[2]
    return found


def wanted(manifests: list[Resource]) -> dict[str, set[str]]:
    """By Secret, the keys that something here reads."""
    found: dict[str, set[str]] = {}
    settings = "\n".join(
        [json.dumps(each) for each in manifests if pod(each)]
        + [json.dumps(each["data"]) for each in manifests if each["kind"] == "ConfigMap"]
    )
    for each in manifests:
        for volume in (pod(each) or {}).get("volumes", []):
            if "secret" not in volume:
                continue
            read = found.setdefault(volume["secret"]["secretName"], set())
            read |= {item["key"] for item in volume["secret"].get("items", [])}
            [mount] = [
                mount["mountPath"]
                for mount in (pod(each) or {})["containers"][0]["volumeMounts"]
                if mount["name"] == volume["name"]
            ]
            read |= set(re.findall(rf"{mount}/([\w.-]+)", settings))
    for each in manifests:
        if each["kind"] == "Cluster":
            found[each["spec"]["bootstrap"]["initdb"]["secret"]["name"]] = {"username", "password"}
        if each["kind"] == "DatabaseRole":
            found[each["spec"]["passwordSecret"]["name"]] = {"username", "password"}
        if each["kind"] == "ObjectStore":
            for key in each["spec"]["configuration"]["s3Credentials"].values():
                found.setdefault(key["name"], set()).add(key["key"])
    return found


def test_the_connection_strings_lead_where_the_manifests_are(
    machine: Terminal, manifests: list[Resource]
) -> None:
    [cluster] = [each for each in manifests if each["kind"] == "Cluster"]
    [pooler] = [each for each in manifests if each["kind"] == "Pooler"]
    initdb = cluster["spec"]["bootstrap"]["initdb"]
    direct = f"{cluster['metadata']['name']}-rw"
    for name, host, user, password in (
        ("url", pooler["metadata"]["name"], "valet_app", "app-password"),
        ("direct-url", direct, "valet_app", "app-password"),
        ("owner-url", direct, initdb["owner"], "owner-password"),
    ):
        text = (machine.elsewhere / name).read_text()
        parts = conninfo_to_dict(text)
        assert (
            parts["password"] == (machine.elsewhere / password).read_text() and len(parts["password"]) == 48
        )
        assert (parts["host"], parts["user"], parts["dbname"]) == (host, user, initdb["database"])
        assert (parts["sslmode"], parts["sslrootcert"]) == ("verify-ca", "/run/authority/ca.crt")


def test_kubectl_takes_the_commands_that_make_secrets(machine: Terminal) -> None:
    """It makes them without a cluster, and writes them out."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("NOT VALIDATED: the commands that make Secrets, for kubectl is missing")
    given = sections()["On Kubernetes"][2][1]
    for line in given.splitlines():
        if " create secret generic " in line:
            words = [*parsed(machine.placed(line)), "--dry-run=client", "--output=yaml"]
            ran = subprocess.run(words, capture_output=True, text=True, check=False)
            assert ran.returncode == 0, ran.stderr
            assert set(yaml.safe_load(ran.stdout)["data"]) == set(keys(words))


# --- What it points to ----------------------------------------------------------------------------------


def test_every_link_and_alert_leads_somewhere() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        for heading in re.findall(r"^#{2,3} (.+)$", text, re.M)
    }
    for target in re.findall(r"\]\(#([\w-]+)\)", text):
        assert target in headings, target
    for path in re.findall(r"\]\(((?!#|http)[^)#]+)", text):
        assert (GUIDE.parent / path).exists(), path
    alerts = ROOT / "deploy" / "prometheus" / "alerts.yaml"
    named = set(re.findall(r"`(Valet[A-Z]\w+)`", text))
    assert named == set(re.findall(r"alert: (\w+)", alerts.read_text(encoding="utf-8")))
    figures = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    for metric in re.findall(r"`(valet_\w+)`", text):
        assert metric in figures, metric


def test_every_runbook_says_how_it_shows_and_when_it_is_over() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    runbooks = text[text.index("## The key ring leaked") : text.index("## On Kubernetes")]
    parts = re.split(r"^## (.+)$", runbooks, flags=re.M)[1:]
    assert len(parts) == 26
    for heading, part in zip(parts[::2], parts[1::2], strict=True):
        words = ["Shows", "First", "Then", "Lost", "Over when"]
        places = [part.find(f"**{word}**") for word in words if f"**{word}**" in part]
        assert places == sorted(places), heading
        missing = {word for word in words if f"**{word}**" not in part}
        assert missing <= ({"Shows"} if heading == "Both leaked" else set()), (heading, missing)
