"""A warning on the back of an answer: the connection that was used ends before long.

It is one more text block, after the tool's own. `structuredContent` has the tool's schema, and a failure has
enough to say. A host that shows a model only the structured part does not pass it on; for that one it stands
in `_meta`, in the structured answer of connections_list, and on the account page.
"""

from __future__ import annotations

from mcp_types import Annotations, CallToolResult, TextContent

from mcp_server.call import Call
from mcp_server.crash import report
from mcp_server.house import House
from mcp_server.sentences import title_of
from mcp_server.tools.text import quoted
from vault.errors import Busy
from vault.health import LATE, ahead
from vault.store.standings import Ending

NOTICE = "valet/notice"


async def noticed(result: CallToolResult, call: Call, house: House) -> CallToolResult:
    """The answer, with a warning where one is due; at most one a day for each connection, over all workers.

    Costs nothing where the connection that was used does not end soon. Never raises: the answer is worth
    more.
    """
    if not call.ending or call.connection is None or result.is_error:
        return result
    try:
        ending = await house.vault.warn(call.principal.user_id, call.connection)
    except Busy:
        return result
    except Exception as error:  # noqa: BLE001 - what was done is done, and must be told
        report("notice_failed", error, tool=call.tool.title if call.tool else "")
        return result
    return result if ending is None else _with(result, ending, house)


def _with(result: CallToolResult, ending: Ending, house: House) -> CallToolResult:
    url = f"{house.public_url}/connect/{ending.provider}?reconnect={ending.id}"
    block = TextContent(
        type="text",
        text=_text(ending, title_of(house.directory, ending.provider), url),
        annotations=Annotations(audience=["user", "assistant"], priority=1.0 if _late(ending) else 0.7),
    )
    told = {"provider": ending.provider, "ends": ending.ends.date().isoformat(), "url": url}
    return result.model_copy(
        update={
            "content": [*result.content, block],
            "meta": {**(result.meta or {}), NOTICE: told},
        }
    )


def _text(ending: Ending, title: str, url: str) -> str:
    """Two sentences to pass on. The label is its person's own text, and quoted as such."""
    account, day = f"{title} account {quoted(ending.label)}", _day(ending)
    if _late(ending):
        return (
            f"Tell the person now: the permission of their {account} ends {day}. From then on no chat can "
            f"use it until they reconnect it in a browser, which takes a minute: {url}"
        )
    return (
        f"A note to pass on to the person: the permission of their {account} ends {day}. It works till then; "
        f"they can renew it in a browser at any time: {url}"
    )


def _day(ending: Ending) -> str:
    return f"on {ending.ends.day} {ending.ends:%B %Y}, {ahead(ending.ends_in)}"


def _late(ending: Ending) -> bool:
    return ending.ends_in <= LATE
