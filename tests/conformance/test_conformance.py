"""The official conformance suite finds what `expected.py` says, for each scenario and revision."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import suite
from tests.conformance.conftest import CLIENT_ID
from tests.conformance.expected import (
    AUTHORIZATION,
    EXTENSIONS,
    NEEDS_FIXTURES,
    PRODUCT,
    REVISIONS,
    TEST_BUILD,
    VACUOUS,
    Exempt,
    differences,
    passed,
)
from tests.conformance.visitor import Visitor
from tests.support.ports import free_port

# Fixtures that log or ask by the earlier era's means use what the SDK has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")


async def of(revision: str, kind: str = "server") -> set[str]:
    """The scenarios that the suite offers for a revision."""
    return {name for name, revisions in (await suite.offered(kind)).items() if revision in revisions}


@pytest.mark.parametrize("revision", REVISIONS)
async def test_the_app_with_the_suites_fixtures_conforms(
    everything_url: str, revision: str, tmp_path: Path
) -> None:
    found = await suite.server(everything_url, revision, tmp_path / "found")
    offered = await of(revision)
    assert found.keys() == offered
    assert differences(found, offered, revision, TEST_BUILD) == []


@pytest.mark.parametrize("revision", REVISIONS)
async def test_the_product_conforms_where_the_suite_needs_no_fixtures(
    product_url: str, revision: str, tmp_path: Path
) -> None:
    found = await suite.server(product_url, revision, tmp_path)
    offered = await of(revision)
    assert found.keys() == offered
    assert differences(found, offered, revision, PRODUCT, NEEDS_FIXTURES | VACUOUS) == []
    # What does not count is named rightly: it fails for want of the fixture, or passes all the same.
    assert [name for name in sorted(offered & NEEDS_FIXTURES) if passed(found, name)] == []
    assert [name for name in sorted(offered & VACUOUS) if not passed(found, name)] == []


@pytest.mark.parametrize("revision", REVISIONS)
async def test_the_authorization_server_conforms(owner: Visitor, revision: str, tmp_path: Path) -> None:
    found = await suite.authorization(
        owner.origin, CLIENT_ID, free_port(), revision, tmp_path, visit=owner.allow
    )
    offered = await of(revision, "authorization")
    assert found.keys() == offered
    assert differences(found, offered, revision, AUTHORIZATION) == []


async def test_every_scenario_that_is_offered_is_of_a_revision_or_of_an_extension_we_leave_out(
    installed: None,
) -> None:
    offered = await suite.offered("server")
    left = {name for name, revisions in offered.items() if not revisions & set(REVISIONS)}
    assert left == EXTENSIONS
    assert offered.keys() > NEEDS_FIXTURES | VACUOUS
    assert offered.keys() > {row.scenario for row in [*TEST_BUILD, *PRODUCT]}


FAILS = Exempt("known", ("2025-11-25",), {"check": "FAILURE"}, "a reason")
SILENT = Exempt("known", ("2025-11-25",), {}, "a reason")


@pytest.mark.parametrize(
    ("checks", "row"),
    [
        ({"check": "FAILURE"}, None),
        ({"check": "WARNING"}, None),
        ({"check": "SUCCESS", "other": "SKIPPED"}, None),
        ({"check": "INFO"}, None),
        ({}, None),
        ({"check": "SUCCESS"}, FAILS),
        ({"check": "WARNING"}, FAILS),
        ({"check": "FAILURE", "other": "FAILURE"}, FAILS),
        ({"other": "FAILURE"}, FAILS),
        ({"check": "SUCCESS"}, SILENT),
        ({"check": "FAILURE"}, SILENT),
    ],
)
def test_what_differs_from_the_table_is_noticed(checks: dict[str, str], row: Exempt | None) -> None:
    assert differences({"known": checks}, ["known"], "2025-11-25", [row] if row else [])


@pytest.mark.parametrize(
    ("checks", "row"),
    [
        ({"check": "SUCCESS", "note": "INFO"}, None),
        ({"check": "FAILURE"}, FAILS),
        ({"check": "INFO"}, SILENT),
        ({"check": "SUCCESS"}, Exempt("known", ("2025-06-18",), {"check": "FAILURE"}, "a reason")),
    ],
)
def test_what_is_as_in_the_table_is_not(checks: dict[str, str], row: Exempt | None) -> None:
    assert differences({"known": checks}, ["known"], "2025-11-25", [row] if row else []) == []


def test_an_exception_for_a_scenario_that_is_gone_is_noticed() -> None:
    assert differences({}, [], "2025-11-25", [FAILS]) == ["known is unknown to the suite"]
