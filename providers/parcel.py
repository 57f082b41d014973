"""A file on its way in or out: what it is, and where its provider keeps it or wants it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

MOST = 25 * 1024 * 1024
"""Bytes of one file, at most: what Gmail takes in a message."""

Direction = Literal["download", "upload"]


@dataclass(frozen=True, slots=True)
class Parcel:
    """One file that a link is for. Its repr shows neither name nor place.

    `kind` is a word of the provider's carrier (`providers/carrier.py`), which reads `place`. `name` is what
    its person calls the file, `media_type` what it says it is, `size` its bytes where they are known.
    """

    direction: Direction
    provider: str
    kind: str
    name: str = field(repr=False)
    place: Mapping[str, str] = field(repr=False)
    media_type: str = ""
    size: int | None = None
