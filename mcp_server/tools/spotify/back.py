"""How what a command to the player replaced is put back."""

from __future__ import annotations

from mcp_server.tools.spotify.views import usable
from mcp_server.tools.undo import Undo
from providers.spotify import Playback, parse_reference


def put_back(before: Playback | None) -> Undo | None:
    """The call that plays what played before, where it was; None where that can't be said.

    A person's own queue does not come back: Spotify has no way to.
    """
    if before is None or before.item is None:
        return None
    if not before.is_playing:
        return Undo(tool="spotify_control_playback", arguments={"action": "pause"})
    item = parse_reference(before.item.uri)
    if item is None or item.kind not in {"track", "episode"}:
        return None
    context = parse_reference(before.context_uri or "")
    where: dict[str, object] = {"items": [item.uri]}
    if context is not None and context.kind in {"album", "playlist", "show"}:
        where = {"context": context.uri, "start_at": item.uri}
    at = {"position_ms": before.progress_ms} if before.progress_ms else {}
    device = before.device
    on = {"device": device.id} if device is not None and usable(device) else {}
    return Undo(tool="spotify_play", arguments={**where, **at, **on})
