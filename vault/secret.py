"""A secret of bytes that shows itself nowhere and can be zeroed.

Tokens and passwords are text from elsewhere and stay `pydantic.SecretStr`. This is for keys: Python never
zeroes `bytes` or `str`, so a key rests in a bytearray that its holder wipes.
"""

from __future__ import annotations

from typing import Any, NoReturn

from pydantic import GetCoreSchemaHandler

_SHOWN = "**********"


class Secret:
    """Takes `held` over: nobody else keeps it, and `wipe` zeroes that very memory.

    repr, str, format and JSON of it are redacted, two are equal only if they are the same object, and it
    can be neither copied nor pickled.
    """

    __slots__ = ("__weakref__", "_held")

    def __init__(self, held: bytearray) -> None:
        self._held: bytearray | None = held

    def reveal(self) -> memoryview:
        """The bytes themselves, read-only and not a copy. Raises ValueError once they are wiped."""
        if self._held is None:
            raise ValueError("this secret was wiped")
        return memoryview(self._held).toreadonly()

    def wipe(self) -> None:
        """Zero the bytes; any number of times."""
        if self._held is not None:
            wipe(self._held)
            self._held = None

    def __del__(self) -> None:
        self.wipe()

    def __repr__(self) -> str:
        return f"Secret({_SHOWN!r})"

    def __str__(self) -> str:
        return _SHOWN

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        # What pickle, copy and deepcopy ask for.
        raise TypeError("a secret is neither copied nor pickled")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> Any:
        # A core schema is a plain dictionary: a model may hold a secret, and says only that there is one.
        shown = {"type": "function-plain", "function": str}
        return {"type": "is-instance", "cls": cls, "serialization": shown}


def wipe(held: bytearray) -> None:
    """Zero that memory, in place."""
    held[:] = bytes(len(held))
