"""No mutant of the envelope, the key ring and the compare-and-swap lives, but for those that are explained.

mutmut changes one thing at a time and the tests of these modules are run against it; SQL has mutants of its
own (`mutants/statements.py`). What lives is compared with `mutants/explained.toml`, both ways.
"""

from __future__ import annotations

import os
import tomllib
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.proof.conftest import Say
from tests.proof.mutants import stage
from tests.proof.mutants.statements import mutants

EXPLAINED = tomllib.loads((Path(__file__).parent / "mutants/explained.toml").read_text(encoding="utf-8"))
NOTICED = {"killed", "timeout"}

Key = tuple[str, str, str, str]


@pytest.fixture
def databases(server_url: str, template: str) -> Iterator[list[str]]:
    """One for each process and one to spare; our own server waits for no disk meanwhile."""
    ours = not os.environ.get("VALET_TEST_DATABASE_URL")
    names = [f"valet_mutant_{uuid.uuid4().hex[:12]}" for _ in range(stage.CHILDREN + 1)]
    with psycopg.connect(server_url, autocommit=True) as link:
        if ours:
            link.execute("ALTER SYSTEM SET fsync = off")
            link.execute("SELECT pg_reload_conf()")
        for name in names:
            made = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            link.execute(made.format(sql.Identifier(name), sql.Identifier(template)))
    yield [make_conninfo(server_url, dbname=name) for name in names]
    with psycopg.connect(server_url, autocommit=True) as link:
        for name in names:
            link.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        if ours:
            link.execute("ALTER SYSTEM RESET fsync")
            link.execute("SELECT pg_reload_conf()")


def explained(group: str) -> Counter[Key]:
    found: Counter[Key] = Counter()
    for entry in EXPLAINED.get(group, []):
        assert len(entry["why"]) > 20, entry
        found[entry["module"], entry["function"], entry["was"].strip(), entry["became"].strip()] += entry.get(
            "times", 1
        )
    return found


def test_a_statement_has_the_mutants_that_matter() -> None:
    """Else all of them would be noticed because there are none."""
    given = "UPDATE t SET a = 1, b = b - 1 WHERE id = %(id)s AND (v < now() OR c IS NULL) RETURNING b"
    start, guard = "UPDATE t SET a = 1, b = b - 1 WHERE ", "id = %(id)s AND (v < now() OR c IS NULL)"
    expected = {
        "UPDATE t SET b = b - 1 WHERE id = %(id)s AND (v < now() OR c IS NULL)",
        "UPDATE t SET a = 1 WHERE id = %(id)s AND (v < now() OR c IS NULL)",
        "UPDATE t SET a = 1, b = b + 1 WHERE id = %(id)s AND (v < now() OR c IS NULL)",
        "UPDATE t SET a = 1, b = b - 2 WHERE id = %(id)s AND (v < now() OR c IS NULL)",
        "UPDATE t SET a = 2, b = b - 1 WHERE id = %(id)s AND (v < now() OR c IS NULL)",
        f"{start}true AND (v < now() OR c IS NULL)",
        f"{start}id <> %(id)s AND (v < now() OR c IS NULL)",
        f"{start}id = %(id)s OR (v < now() OR c IS NULL)",
        f"{start}id = %(id)s AND true",
        f"{start}id = %(id)s AND (v <= now() OR c IS NULL)",
        f"{start}id = %(id)s AND (v > now() OR c IS NULL)",
        f"{start}id = %(id)s AND (v < now() AND c IS NULL)",
        f"{start}id = %(id)s AND (false OR c IS NULL)",
        f"{start}id = %(id)s AND (v < now() OR false)",
        f"{start}id = %(id)s AND (v < now() OR c IS NOT NULL)",
    }
    assert given == f"{start}{guard} RETURNING b"
    found = {" ".join(made.replace("( ", "(").replace(" )", ")").split()) for made in mutants(given)}
    assert found == {f"{made} RETURNING b" for made in expected}


@pytest.mark.parametrize("group", stage.GROUPS)
def test_every_mutant_is_noticed_or_explained(
    group: str, tmp_path: Path, server_url: str, databases: list[str], say: Say
) -> None:
    stage.lay(tmp_path, stage.GROUPS[group])
    made = stage.run(tmp_path, server_url, databases)
    counts = Counter(mutant["outcome"] for mutant in made)
    lives = Counter(
        (mutant["module"], mutant["function"], mutant["was"], mutant["became"])
        for mutant in made
        if mutant["outcome"] not in NOTICED
    )
    say(f"{group}: {len(made)} mutants of {', '.join(stage.GROUPS[group].modules)}: {dict(counts)}")
    assert {mutant["module"] for mutant in made} == {
        module.removesuffix(".py").replace("/", ".") for module in stage.GROUPS[group].modules
    }
    assert lives - explained(group) == Counter(), "lives, and nobody has said why that does no harm"
    assert explained(group) - lives == Counter(), "is explained, and does not live (any more)"
