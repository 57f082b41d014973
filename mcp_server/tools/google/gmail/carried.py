"""Files that go with a draft: taken over from a mail, or to be uploaded by whoever has them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mcp_server.errors import Refusal
from mcp_server.tools.google.gmail.enclosed import MOST_BYTES, bytes_of, chosen
from mcp_server.tools.google.gmail.letter import Enclosed
from mcp_server.tools.text import clip
from providers.filenames import safe
from providers.google.gmail import Gmail

UPLOAD = "upload"
"""The word for a file that is not here yet."""

_OF_A_MAIL = re.compile(r"([!-.0-~]{1,200})/(.{1,300})")


async def carried(gmail: Gmail, wanted: Sequence[str]) -> list[Enclosed]:
    """The files that `MESSAGE_ID/ATTACHMENT` names, whole; raises Refusal where they are too much for a mail.

    Their sizes are looked at before any is fetched. Raises ProviderError.
    """
    places = [_place(each, at) for at, each in enumerate(wanted) if each != UPLOAD]
    heads = {message_id: await gmail.message(message_id, text=False) for message_id, _ in places}
    files = [(message_id, chosen(heads[message_id], name)) for message_id, name in places]
    if sum(file.size for _, file in files) > MOST_BYTES:
        raise Refusal("invalid_argument", "Those files are too large for a mail: Gmail takes 25 MB in all.")
    return [
        Enclosed(
            safe(clip(file.name, 200), "attachment"), file.kind, await bytes_of(gmail, of, file, MOST_BYTES)
        )
        for of, file in files
    ]


def _place(text: str, at: int) -> tuple[str, str]:
    found = _OF_A_MAIL.fullmatch(text)
    if found is None:
        raise Refusal(
            "invalid_argument",
            f"`attachments[{at}]` must be MESSAGE_ID/ATTACHMENT_ID, as gmail_get_thread has them, or the "
            f"word {UPLOAD}.",
        )
    return found[1], found[2]
