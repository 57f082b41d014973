"""Arguments that several tools take, each with its limits and the words a model reads."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Cursor = Annotated[str | None, Field(max_length=50, description="`next_cursor`.")]
Limit = Annotated[int, Field(ge=1, le=50)]
Ref = Annotated[str, Field(max_length=300)]
Market = Annotated[
    str | None,
    Field(pattern="^[A-Z]{2}$", description="Country code."),
]
DeviceName = Annotated[str | None, Field(max_length=200, description="Name or id.")]
Position = Annotated[int | None, Field(ge=0, le=86_400_000, description="From the start.")]
PlaylistName = Annotated[str, Field(max_length=300, description="URI, link, id or name.")]
PlaylistItems = Annotated[
    list[Ref],
    Field(min_length=1, max_length=100, description="URIs, links or track ids."),
]
SnapshotId = Annotated[
    str, Field(max_length=200, description="Seen in spotify_get_playlist; refused if outdated.")
]
