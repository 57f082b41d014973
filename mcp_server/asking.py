"""How a tool asks its person before it sends, shares, invites or deletes, where they have switched that on.

The tool previews exactly what it is about to do, with every name resolved to what it stands for. A person who
has switched nothing on is asked nothing: their chat program's own confirmation is trusted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asking:
    """The person's say on one call. `on`: they want to be asked, so a preview is worth a request."""

    on: bool = False

    async def __call__(
        self, title: str, lines: Iterable[tuple[str, str]], *, same: Iterable[str] = ()
    ) -> None:
        """Return where the person has said yes to this very call, or wants no questions; raise otherwise.

        To be called once in a call, after every check and before the first write. `title` is an imperative
        of ours, such as "Send this mail"; `lines` are (our word, their content), such as ("To",
        "ana@example.com"), and are clipped here. Both must come out the same when the same call is repeated:
        no "in five minutes". `same` is what else must not have changed in between and is not shown whole,
        such as the version of the draft, or the text that the lines show the beginning of.
        """
