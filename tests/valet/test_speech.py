"""An error becomes one sentence on stderr: what happened, and what to do about that and nothing else."""

from __future__ import annotations

import pytest

from valet.refusal import spoken
from vault.errors import Busy, KeysAway
from vault.keyring import Away, Unreadable

AWAY = "AWS KMS does not decrypt with ARN now (AccessDeniedException). Check that the key is enabled."


@pytest.mark.parametrize(
    "error", [KeysAway(AWAY), Away(AWAY), Unreadable(AWAY)], ids=lambda error: type(error).__name__
)
def test_keys_that_are_away_are_no_fault_of_the_database(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught, spoken():
        raise error
    assert caught.value.code == 2
    assert capsys.readouterr().err == f"valet: {AWAY}\n"


def test_a_database_that_is_away_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), spoken():
        raise Busy("the database does not answer")
    assert "Check that PostgreSQL runs" in capsys.readouterr().err
