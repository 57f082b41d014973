"""A sealed row that was edited: the model hears one masked sentence with a reference, and no more."""

from __future__ import annotations

import json
import re
from base64 import b64encode

import pytest
from structlog.testing import capture_logs

from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import MODERN, chat, code_of, text_of

EDITS = {
    "a body of somebody else": (
        "UPDATE connections SET body = (SELECT body FROM connections WHERE owner = %(other)s)"
        " WHERE owner = %(owner)s"
    ),
    "an unknown key reference": ("UPDATE deks SET kek_ref = 'file:canary:9' WHERE owner = %(owner)s"),
    "a wrapped key of somebody else": (
        "UPDATE deks a SET wrapped = b.wrapped FROM deks b WHERE a.owner = %(owner)s AND b.owner = %(other)s"
    ),
    "no key": "DELETE FROM deks WHERE owner = %(owner)s",
    "another version": "UPDATE connections SET secret_version = 77 WHERE owner = %(owner)s",
    "a body in clear": "UPDATE connections SET body = 'canary-body' WHERE owner = %(owner)s",
}
SEEN = (
    "SELECT c.id, c.owner, c.dek_id, c.body, d.kek_ref, d.wrapped, c.account_index"
    " FROM connections c LEFT JOIN deks d ON d.id = c.dek_id WHERE c.owner = %(owner)s"
)
WORDS = (
    "tamper", "malformed", "unknown_key", "sealed", "kek_ref", "secret_version", "dek", "wrapped", "body",
    "owner", "envelope", "key ring", "file:main", "canary", "upstream-token", "upstream-refresh", "vault",
)  # fmt: skip


@pytest.mark.parametrize("mode", [MODERN, "legacy"])
@pytest.mark.parametrize("edit", EDITS)
async def test_the_model_hears_a_masked_sentence_and_nothing_of_the_row(
    serve: Serve, edit: str, mode: str
) -> None:
    async with serve() as desk:
        who, other = await desk.ready(), await desk.ready()
        names = {"owner": who.user_id, "other": other.user_id}
        async with desk.database.connection() as link:
            await link.execute(EDITS[edit], names)
            row = await (await link.execute(SEEN, names)).fetchone()
        assert row is not None
        with capture_logs() as logs:
            async with chat(desk, who, mode) as client:
                result = await client.call_tool("spotify_get_playback", {})
        assert result.is_error and code_of(result) == "provider_error"
        found = re.search(r"reference ([0-9a-f]{16})", text_of(result))
        assert found is not None
        answer = json.dumps(result.model_dump(mode="json", by_alias=True))
        for word in WORDS:
            assert word not in answer.lower().replace("inside valet", ""), word
        for value in (*row, who.user_id, other.user_id):
            for shown in _shown(value):
                assert shown not in answer
        alarms = [entry for entry in logs if entry["event"] == "sealed_record_refused"]
        assert len(alarms) == 1 and set(alarms[0]) == {"event", "log_level", "kind", "place", "total"}
        assert [e["reference"] for e in logs if e["event"] == "tool_crashed"] == [found[1]]
        assert desk.spotify.calls == [], "nothing was asked in this person's name"


def _shown(value: object) -> list[str]:
    """How a value of a row could look in an answer."""
    if isinstance(value, bytes):
        return [value.hex(), b64encode(value).decode(), value.hex()[:16]] if value else []
    return [] if value is None else [str(value), str(value).replace("-", "")]
