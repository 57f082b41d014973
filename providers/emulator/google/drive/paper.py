"""What Drive must know of a Doc or a Sheet: how it begins, what it is made from, what it is exported to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Paper:
    """One kind. `imports` and `exports` are by media type, without parameters; `words` is what a
    search reads.

    An import raises ValueError for what it cannot read.
    """

    kind: str
    blank: Callable[[], Json]
    imports: Mapping[str, Callable[[bytes], Json]]
    exports: Mapping[str, Callable[[Json], bytes]]
    words: Callable[[Json], str]
