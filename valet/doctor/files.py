"""Files through the public address: whether 25 MB get in, and whether anything in front keeps them."""

from __future__ import annotations

import httpx2

from connect.probe import PASSAGE, PAUSE
from valet.doctor.finding import Finding, fault, ok, warning
from valet.doctor.patient import Patient
from valet.doctor.wire import Wire, whose
from vault import probing

_LARGE = 26_214_400
"""Bytes of the largest file."""
_PATIENCE = 5.0
"""Seconds for an answer to the head of a request whose body does not come."""
_LOOKS = 3
"""So often is looked whether two pieces come one after the other: here, too, something may hold one up."""
_KEPT = "the proxy buffers a file that {}, and may put it on its disk"
_WHERE = "in the proxy, for addresses that begin with /files:"


async def look(at: Patient) -> list[Finding]:
    """Nothing where it is not this Valet that answers, or one of an older release: that is said elsewhere."""
    if at.operator is None:
        return []
    key = at.operator.derive("probe")
    question = probing.question(key)

    def ours(answer: httpx2.Response | None) -> bool:
        found = "" if answer is None else answer.headers.get(probing.PROOF, "")
        return answer is not None and probing.proves(key, question, answer.content, found)

    async with Wire(at.origin) as wire:
        found = [warning(_KEPT.format("goes out"), f"{_WHERE} proxy_buffering off;")]
        for _ in range(_LOOKS):
            answer, between = await wire.pieces(PASSAGE, **{probing.HEADER: question})
            if not ours(answer):
                return []
            if between > PAUSE / 2:
                found = []
                break
        try:
            answer = await wire.head(PASSAGE, _LARGE, _PATIENCE, **{probing.HEADER: question})
        except TimeoutError:
            return [*found, warning(_KEPT.format("comes in"), f"{_WHERE} proxy_request_buffering off;")]
    if not ours(answer):
        said = "nothing" if answer is None else whose(answer)
        return [
            *found,
            fault(f"a file of 25 MB does not get in ({said})", f"{_WHERE} client_max_body_size 26m;"),
        ]
    return found or [ok("files of 25 MB pass, and nothing in front keeps them")]
