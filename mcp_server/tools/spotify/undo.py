"""How a change is taken back."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class Undo(BaseModel):
    """The call that takes a change back."""

    tool: str
    arguments: dict[str, Any]
