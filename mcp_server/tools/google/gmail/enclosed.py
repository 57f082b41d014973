"""Files in a mail: which one is meant, and its bytes."""

from __future__ import annotations

from mcp_server.errors import Refusal
from mcp_server.tools.text import clip, listed, quoted
from providers.google.gmail import Gmail, Message
from providers.google.gmail.parts import Attachment, contents, unpacked
from providers.parcel import MOST as MOST_BYTES

__all__ = ["MOST_BYTES", "bytes_of", "chosen"]

_NAMED = 10


def chosen(message: Message, wanted: str) -> Attachment:
    """The attachment with that id or name. Gmail's own ids change with every answer, so ours are those of the
    parts, which don't. Raises Refusal.
    """
    files = contents(message.payload).attachments
    name = wanted.strip().casefold()
    found = [each for each in files if each.part_id == wanted.strip()]
    found = found or [each for each in files if clip(each.name, 1000).casefold() == name]
    found = found or [each for each in files if each.attachment_id and each.attachment_id == wanted]
    if len(found) == 1:
        return found[0]
    there = listed(
        f"{quoted(each.name or each.kind, 60)} (id {clip(each.part_id, 20)})" for each in files[:_NAMED]
    )
    if found:
        raise Refusal("invalid_argument", f"Several files of that mail have that name; give an id: {there}.")
    if not files:
        raise Refusal("not_found", "Nothing is attached to that mail.")
    raise Refusal("not_found", f"That mail has no such attachment. It has: {there}.")


async def bytes_of(gmail: Gmail, message_id: str, file: Attachment, most: int) -> bytes:
    """Its bytes, at most `most`. Raises ProviderError.

    A small one may stand within the mail itself; then it has no id of its own.
    """
    if file.attachment_id:
        return await gmail.attachment(message_id, file.attachment_id, most)
    whole = await gmail.message(message_id, text=True)
    same = (each for each in contents(whole.payload).attachments if each.part_id == file.part_id)
    return unpacked(next((each.data for each in same), ""))
