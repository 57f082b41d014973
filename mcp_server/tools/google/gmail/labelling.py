"""Changing labels: how things stood, what the change made of it, and how exactly that is put back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mcp_server.tools.ends import BREAKS
from mcp_server.tools.google.gmail.several import several
from mcp_server.tools.undo import Undo
from providers.google.gmail import Gmail, Message
from providers.google.services import GMAIL_MODIFY

_MODIFY = frozenset({GMAIL_MODIFY})
_MOST_IDS = 100
"""As many messages as one call of the tool takes."""

_MOST_PUT_BACK = 400
"""An answer with more ids than that would be too long to read."""


@dataclass(frozen=True, slots=True)
class Change:
    """Ids of labels to add and to remove."""

    add: Sequence[str]
    remove: Sequence[str]

    def of(self, message: Message) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What it makes a difference to: labels that this message has not, and those that it has."""
        held = set(message.label_ids)
        return (
            tuple(each for each in self.add if each not in held),
            tuple(each for each in self.remove if each in held),
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """The messages that a change is about, as they stood, and the threads that they were named by."""

    threads: Mapping[str, Sequence[Message]]
    messages: Sequence[Message]

    @property
    def every(self) -> list[Message]:
        """All of them."""
        return [*(message for those in self.threads.values() for message in those), *self.messages]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many of how many messages were changed, and how that is undone; `lost`: what is not. `left` are the
    threads that Gmail broke off before.
    """

    changed: int
    total: int
    undo: Sequence[Undo]
    lost: str | None
    left: Sequence[str]


async def standing(gmail: Gmail, threads: Iterable[str] | None, messages: Iterable[str] | None) -> Standing:
    """The labels of all of them now. Raises NotFound where there is one that does not exist."""
    ids = list(dict.fromkeys(threads or ()))
    found = await several(lambda each: gmail.outline(each, _MODIFY), ids)
    singles = await several(gmail.standing, list(dict.fromkeys(messages or ())))
    return Standing({key: each.messages for key, each in zip(ids, found, strict=True)}, singles)


async def labelled(gmail: Gmail, change: Change, before: Standing) -> Outcome:
    """Make the change where it makes a difference. Raises what ended it where nothing came of it before."""
    affected = [key for key, those in before.threads.items() if any(any(change.of(each)) for each in those)]
    done: list[str] = []

    async def one(key: str) -> None:
        await gmail.modify_thread(key, change.add, change.remove)
        done.append(key)

    try:
        await several(one, affected)
        singles = [message.id for message in before.messages if any(change.of(message))]
        if singles:
            await gmail.modify_messages(singles, change.add, change.remove)
    except BREAKS:
        if not done:
            raise
    left = [key for key in affected if key not in done]
    made = [message for key, those in before.threads.items() if key not in left for message in those]
    changed = [message for message in [*made, *before.messages] if any(change.of(message))]
    undo, lost = _undo(change, changed)
    return Outcome(len(changed), len(before.every), undo, lost, left)


def _undo(change: Change, changed: Sequence[Message]) -> tuple[list[Undo], str | None]:
    """The calls that give each message back the labels it had: those alike in one call."""
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = defaultdict(list)
    for message in changed[:_MOST_PUT_BACK]:
        groups[change.of(message)].append(message.id)
    steps = [
        Undo(tool="gmail_modify_labels", arguments=_arguments(ids[at : at + _MOST_IDS], added, removed))
        for (added, removed), ids in groups.items()
        for at in range(0, len(ids), _MOST_IDS)
    ]
    left = len(changed) - _MOST_PUT_BACK
    return steps, f"{left} more messages, for there are too many." if left > 0 else None


def _arguments(ids: Sequence[str], added: Sequence[str], removed: Sequence[str]) -> dict[str, Sequence[str]]:
    arguments = {"message_ids": list(ids), "add": list(removed), "remove": list(added)}
    return {name: value for name, value in arguments.items() if value}
