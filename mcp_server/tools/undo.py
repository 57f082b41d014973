"""How a change is taken back."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class Undo(BaseModel):
    """The call that takes a change back."""

    tool: str
    arguments: dict[str, Any]

    def at(self, account: str | None) -> Undo:
        """The same call, about the account of that label: what was changed there is taken back there."""
        return Undo(tool=self.tool, arguments={**self.arguments, "account": account}) if account else self
