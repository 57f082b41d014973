"""The vault's speed: sealing beside what others do, and credentials from a real PostgreSQL at three sizes.

    .venv/bin/python benchmarks/vault.py [--markdown | --json] [--into docs/performance.md] [--sizes ...]

`make bench` installs what is compared (the extra `bench`) and runs this. It all runs in one process, in
turns, several rounds after a warm-up, so that a drifting machine drifts for all. The database is an embedded
PostgreSQL of this run's own, filled by COPY with token sets that are sealed one by one. The key ring is a
file: the figures of a key service would be those of its network, and the server that stands in for one in the
tests tells nothing of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psycopg
from prometheus_client import CollectorRegistry
from psycopg.conninfo import make_conninfo

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.crowd import Crowd
from benchmarks.shapes import CUSTODY, MARKS, SCALE, SIZES, TENDING, WAYS
from benchmarks.table import Table
from valet.embedded import Supervisor
from valet.logging import configure
from vault.alarms import Alarms
from vault.cache import DekCache
from vault.rings.file import FileKeyRing
from vault.store.migrate import migrate

PEERS = ("tink", "fastmcp", "py-key-value-aio", "asyncpg")


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


async def measure(given: argparse.Namespace, folder: Path, owner: str, app: str) -> list[Table]:
    """Sealing; credentials beside FastMCP's stores while the crowd is small; credentials as it grows."""
    from benchmarks import custody, tending
    from benchmarks.reading import Bench
    from benchmarks.sealing import compare

    ring = folder / "keyring.json"
    keys = FileKeyRing.create(ring)
    say("sealing and opening ...")
    sealing = await compare(ring, given.rounds, given.operations)
    crowd = Crowd(owner, DekCache(keys, Alarms(CollectorRegistry())))
    bench = Bench(app, ring, given.samples, given.rounds)
    say("credentials, beside FastMCP's ...")
    await crowd.grow(given.sizes[0])
    beside = await bench.beside(crowd, folder, elsewhere(owner))
    scale, ways, kept, tended = (Table(shape) for shape in (SCALE, WAYS, CUSTODY, TENDING))
    for size in given.sizes:
        say(f"credentials among {size:,} connections ...")
        await crowd.grow(size)
        figures = await bench.credentials(crowd, [])
        scale.cells[f"{size:,}"] = [*figures.line(), *await crowd.sizes(), crowd.seconds]
        ways.cells[f"{size:,}"] = await bench.found(crowd)
        say(f"keys of {size:,} connections ...")
        kept.cells[f"{size:,}"] = await custody.work(app, ring, size)
        keys.reload()
        tended.cells[f"{size:,}"] = await tending.work(app, crowd, bench.chance)
    return [*sealing, beside.table(), scale, ways, kept, tended]


def elsewhere(owner: str) -> str:
    """The address of another database of the same server, for what is not ours."""
    with psycopg.connect(owner, autocommit=True) as link:
        link.execute("CREATE DATABASE fastmcp")
    return make_conninfo(owner, dbname="fastmcp")


def machine(owner: str) -> str:
    """What it ran on."""
    with psycopg.connect(owner) as link:
        server = link.info.server_version
        row = link.execute("SHOW shared_buffers").fetchone()
    packages = ", ".join(f"{name} {version(name)}" for name in ("cryptography", "psycopg", *PEERS))
    return (
        f"{os.cpu_count()} cores ({processor()}), Python {platform.python_version()}, on the same machine"
        f" PostgreSQL {server // 10000}.{server % 10000} with {row and row[0]} of shared buffers; {packages}."
    )


def processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def how(given: argparse.Namespace) -> str:
    return (
        f"{given.rounds} rounds after a warm-up, in turns, with {given.operations:,} seals and opens and"
        f" {given.samples:,} credentials in each; FastMCP's stores hold {given.sizes[0]:,} token sets."
    )


def show(given: argparse.Namespace, about: str, tables: list[Table]) -> None:
    if given.json:
        print(json.dumps({"machine": about, "tables": [table.json() for table in tables]}, indent=2))
    elif given.markdown:
        print(document(given, about, tables))
    else:
        print("\n\n".join([about, how(given), *(table.text() for table in tables)]))
    if given.into:
        begin, end = MARKS
        before, _, rest = given.into.read_text(encoding="utf-8").partition(begin)
        _, found, after = rest.partition(end)
        assert found, f"{given.into} has no place for figures"
        figures = f"{begin}\n{document(given, about, tables)}\n\n{end}"
        given.into.write_text(before + figures + after, encoding="utf-8")


def document(given: argparse.Namespace, about: str, tables: list[Table]) -> str:
    return "\n\n".join([f"{about} {how(given)}", *(table.markdown() for table in tables)])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the vault beside its peers.")
    parser.add_argument("--rounds", type=int, default=5, help="rounds after the warm-up")
    parser.add_argument("--operations", type=int, default=2000, help="seals and opens in a round")
    parser.add_argument("--samples", type=int, default=500, help="credentials in a round")
    parser.add_argument(
        "--sizes",
        type=lambda given: sorted({int(one) for one in given.split(",")}),
        default=list(SIZES),
        help="numbers of connections",
    )
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true")
    shape.add_argument("--markdown", action="store_true")
    parser.add_argument("--into", type=Path, help="a document whose figures are replaced")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    try:
        for name in PEERS:
            version(name)
    except PackageNotFoundError as missing:
        sys.exit(f"{missing.name} is not installed, with which the vault is compared: run `make bench`.")
    # What is tried on purpose gives alarms.
    configure("CRITICAL", "console")
    folder = Path(tempfile.mkdtemp(prefix="valet-bench-"))
    folder.chmod(0o755)
    try:
        with Supervisor(folder) as urls:
            owner, app = urls.owner.get_secret_value(), urls.app.get_secret_value()
            migrate(owner, app_role="valet_app")
            tables = asyncio.run(measure(given, folder, owner, app))
            show(given, machine(owner), tables)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
