"""What was asked of the emulator: counters per route, and the latest requests themselves."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

KEPT = 2000
SHOWN_HEADERS = ("accept", "content-length", "content-type", "transfer-encoding", "user-agent")


@dataclass
class Entry:
    """One request. Of `authorization` the scheme is shown, of a token request's body the grant type."""

    number: int
    method: str
    url: str
    headers: dict[str, str]
    body: str
    account: str | None = None
    status: int | None = None
    fault: str | None = None


class Journal:
    """Counts for ever, keeps the latest requests. `status` None is a request that got no answer."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._calls: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._number = 0

    def open(self, method: str, url: str, headers: dict[str, str], body: str) -> Entry:
        """Begin the entry of a request; `url` is the world's own, `https://host/path?query`."""
        self._number += 1
        shown = {name: headers[name] for name in SHOWN_HEADERS if name in headers}
        if "authorization" in headers:
            shown["authorization"] = headers["authorization"].partition(" ")[0] + " …"
        entry = Entry(self._number, method, url, shown, body)
        self._entries.append(entry)
        return entry

    def count(self, route: str) -> None:
        """One more call of that route."""
        self._calls[route] += 1

    def answered(self, route: str, entry: Entry, status: int) -> None:
        """The status the request got."""
        entry.status = status
        self._statuses[f"{route} {status}"] += 1

    def counters(self) -> dict[str, Any]:
        """Calls by route, answers by route and status, and the refreshes asked for."""
        refreshes = sum(n for route, n in self._calls.items() if route.endswith(" refresh_token"))
        return {"calls": dict(self._calls), "answers": dict(self._statuses), "refreshes": refreshes}

    def requests(self, after: int = 0) -> list[dict[str, Any]]:
        """The requests numbered above `after`, oldest first."""
        return [asdict(entry) for entry in self._entries if entry.number > after]

    def forget(self) -> None:
        """Begin again; the numbers go on, so that a reader is never confused."""
        self._entries.clear()
        self._calls.clear()
        self._statuses.clear()


def route(method: str, template: str, note: str) -> str:
    """How a call is counted and how a fault finds it: `METHOD host/path` with ids as `{id}`.

    `note` follows where one path serves several purposes: the grant type at a token endpoint.
    """
    return f"{method} {template.lstrip('/')} {note}".rstrip()
