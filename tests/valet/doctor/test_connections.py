"""`valet connections`: numbers for the operator, and one person's where they are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support import warm
from tests.valet.doctor.conftest import CANARIES, Site
from vault.ids import new_id


def connections(site: Site, *arguments: str) -> str:
    ran = warm.run(["-m", "valet", "connections", *arguments], cwd=site.folder, env=site.environment)
    assert ran.returncode == 0, ran.stderr
    assert not any(canary in ran.stdout + ran.stderr for canary in CANARIES)
    return ran.stdout


@pytest.fixture
def people(site: Site) -> Iterator[str]:
    """Somebody with a healthy connection, one that ends soon and one that was withdrawn."""
    ana = new_id()
    site.run("INSERT INTO users (id, display_name) VALUES (%s, 'Ana Private')", ana)
    for label, status, reason, ends in (
        ("home", "active", None, None), ("work", "active", None, 5), ("old", "needs_reauth", "revoked", None),
    ):  # fmt: skip
        site.run(
            "INSERT INTO connections (id, owner, provider, account_index, account_label, app, label, scopes,"
            " status, reason, access_expires_at, grant_expires_at, tend_at) VALUES (%s, %s, 'elsewhere', %s,"
            " 'secret-account', 'operator', %s, '{}', %s, %s, now() + interval '1 hour',"
            " now() + make_interval(days => %s), now() + interval '1 hour')",
            new_id(), ana, label.encode(), label, status, reason, ends,
        )  # fmt: skip
    yield ana.hex
    site.run("DELETE FROM users WHERE id = %s", ana)


def test_everybodys_are_counted_and_nobody_is_named(site: Site, people: str) -> None:
    said = connections(site)
    assert "elsewhere: 3" in said
    for line in ("1  healthy", "1  ends within two weeks", "1  withdrawn at the provider", "by week: 1 from"):
        assert line in said
    told = json.loads(connections(site, "--json"))
    counted = {each["health"]: each["count"] for each in told["connections"]}
    assert counted["healthy"] == counted["ending"] == counted["revoked"] == 1 and counted["expired"] == 0
    assert [each["count"] for each in told["ending"]] == [1]
    for text in (said, json.dumps(told)):
        assert not any(word in text for word in ("Ana", "secret-account", "home", people))


def test_one_persons_are_listed_by_label_where_they_want_help(site: Site, people: str) -> None:
    said = connections(site, "--user", people)
    assert "elsewhere  work  ends within two weeks  never used" in said
    told = json.loads(connections(site, "--user", people, "--json"))
    assert {each["label"] for each in told} == {"home", "work", "old"}
    assert "secret-account" not in said + json.dumps(told)
