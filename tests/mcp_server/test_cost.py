"""What a call costs in steps of ours, which no machine changes: how long it takes is for benchmarks/."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import MODERN
from tests.mcp_server.spotifydouble import device, track
from tests.mcp_server.test_reads import BEFORE, LOOK, asked

ROOT = Path(__file__).resolve().parents[2]
OURS = tuple(f"{ROOT / name}/" for name in ("mcp_server", "vault", "providers", "valet"))
MOST = {MODERN: 290, BEFORE: 325}
"""Functions of ours that begin or go on for one call: a tenth more than there were when this was written."""


class Steps:
    """Counts them, by file, while the block runs."""

    def __init__(self) -> None:
        self.files: Counter[str] = Counter()

    def _seen(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(OURS):
            self.files[frame.f_code.co_filename.removeprefix(f"{ROOT}/")] += 1

    def __enter__(self) -> Steps:
        sys.setprofile(self._seen)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)


@pytest.mark.parametrize("era", MOST)
async def test_a_call_takes_no_more_steps_than_it_did(serve: Serve, era: str) -> None:
    async with serve() as desk:
        desk.spotify.begin(track("Despacito", "Luis Fonsi"), device("Kitchen"))
        who = await desk.ready()
        for _ in range(3):
            await asked(desk, who, era, LOOK)
        runs = []
        for _ in range(5):
            with Steps() as steps:
                result = await asked(desk, who, era, LOOK)
            assert not result["isError"]
            runs.append(steps.files)
    # What is written in batches, and waits for the network, falls into some of them.
    least = min(runs, key=Counter.total)
    # Where it has become less, the number above is to become less too.
    assert MOST[era] * 0.75 < least.total() <= MOST[era], least.most_common()
