"""Labels by the names that people know them by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mcp_server.errors import Refusal
from mcp_server.tools.text import clip, listed, quoted
from providers.google.gmail import Label

_NAMED = 20


class Labels:
    """All labels of a mailbox."""

    def __init__(self, labels: Iterable[Label]) -> None:
        self._labels = list(labels)
        self._names = {label.id: label.name or label.id for label in self._labels}

    def name(self, label_id: str) -> str:
        """What its person calls it."""
        return clip(self._names.get(label_id, label_id), 60)

    def names(self, label_ids: Sequence[str], most: int = 12) -> list[str]:
        """What their person calls them, the first `most`."""
        return [self.name(label_id) for label_id in label_ids[:most]]

    def find(self, word: str) -> str | None:
        """The id of the label with that id or name, None without. Raises Refusal where several have it."""
        wanted = word.strip()
        if wanted in self._names:
            return wanted
        exact = [label.id for label in self._labels if label.name == wanted]
        alike = exact or [label.id for label in self._labels if label.name.casefold() == wanted.casefold()]
        if len(alike) > 1:
            raise Refusal("invalid_argument", "Several labels have that name. Give the id of one instead.")
        return alike[0] if alike else None

    def ids(self, words: Sequence[str]) -> list[str]:
        """The ids of these labels, each once. Raises Refusal where one does not exist."""
        found = [(word, self.find(word)) for word in words]
        missing = [word for word, label_id in found if label_id is None]
        if missing:
            own = [label.name for label in self._labels if label.type == "user"]
            there = listed(quoted(name, 60) for name in own[:_NAMED]) or "none"
            raise Refusal(
                "not_found",
                f"There is no label {listed(quoted(word, 60) for word in missing[:5])}. Own labels: {there}. "
                "gmail_list_labels has all.",
            )
        return list(dict.fromkeys(label_id for _, label_id in found if label_id is not None))
