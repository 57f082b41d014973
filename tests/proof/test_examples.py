"""The properties of envelope, derived key and wrapped key, with 20,000 and more other examples each time."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.proof.conftest import Say
from tests.proof.nursery import ROOT


def test_twenty_thousand_examples_of_the_envelope(say: Say) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-s", "--hypothesis-profile=proof"]
    done = subprocess.run(
        [*command, "tests/vault/test_properties.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:]
    found = re.search(r"^examples of the envelope: (\d+)$", done.stdout, re.M)
    assert found is not None
    assert int(found[1]) >= 20_000
    say(f"properties of the envelope held for {found[1]} examples")
