"""The page of activity: which chat used which tool on which account, when, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from urllib.parse import urlencode
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connect.session import Desk, to_signin
from connect.words import DEEDS, Asker, asker, outcome, spelled, took
from providers.registry import Registry
from vault.store.activity import Activity, Cursor, Entry

_HERE = "/account/activity"
_PAGE = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Deed:
    """One entry on the page. `own`: the person did it themselves, on these pages, maybe to `asker`.

    `named` is what `asker` is called; `claimed` says that it calls itself so.
    """

    at: datetime
    title: str
    own: bool
    asker: Asker | None
    named: str
    claimed: bool
    provider: str
    account: str
    good: bool
    outcome: str
    took: str
    only_chat: str
    only_account: str


class ActivityPage:
    """`/account/activity`. `titles` are the titles of tools by their names."""

    def __init__(
        self, *, desk: Desk, registry: Registry, activity: Activity, titles: Mapping[str, str]
    ) -> None:
        self._desk = desk
        self._registry = registry
        self._activity = activity
        self._titles = titles

    def routes(self) -> list[Route]:
        """One page."""
        return [Route(_HERE, self.page, methods=["GET"])]

    async def page(self, request: Request) -> Response:
        """Newest first, fifty at a time; of one chat or one account where the address says so."""
        guest = await self._desk.guest(request)
        if guest.user is None:
            return to_signin(_HERE)
        query = request.query_params
        only = {name: query[name] for name in ("chat", "provider", "account") if _clean(query.get(name))}
        found = await self._activity.page(
            guest.user.id,
            _PAGE + 1,
            before=_cursor(query.get("before", "")),
            client_id=only.get("chat"),
            provider=only.get("provider"),
            account=only.get("account"),
        )
        shown = found[:_PAGE]
        return self._desk.page(
            guest,
            "activity.html",
            tab="activity",
            days=self._days(shown),
            only=bool(only),
            later="before" in query,
            newest=_link(only),
            older=_link({**only, "before": _mark(shown[-1])}) if len(found) > _PAGE else "",
        )

    def _days(self, entries: Sequence[Entry]) -> list[list[Deed]]:
        deeds = [self._deed(entry) for entry in entries]
        return [list(day) for _, day in groupby(deeds, lambda deed: deed.at.date())]

    def _deed(self, entry: Entry) -> Deed:
        who = None
        if entry.client_id is not None:
            kind = entry.client_kind or "dcr"
            who = asker(entry.client_name or "", kind, entry.client_id, entry.redirect_uri or "")
        own = entry.action in DEEDS
        return Deed(
            at=entry.at.astimezone(UTC),
            title=DEEDS.get(entry.action) or self._titles.get(entry.action) or spelled(entry.action),
            own=own,
            asker=who,
            named=(who.claimed or who.name) if who else entry.client_name or "",
            claimed=who is not None and bool(who.claimed),
            provider=self._provider(entry.provider),
            account=entry.account or "",
            good=entry.outcome == "ok",
            outcome=outcome(entry.outcome),
            took=took(entry.milliseconds),
            only_chat=_link({"chat": entry.client_id}) if entry.client_id else "",
            only_account=_link({"provider": entry.provider, "account": entry.account})
            if entry.provider and entry.account
            else "",
        )

    def _provider(self, name: str | None) -> str:
        if name is None:
            return ""
        known = self._registry.find(name)
        return known.title if known else name.capitalize()


def _link(query: Mapping[str, str | None]) -> str:
    return f"{_HERE}?{urlencode(query)}" if query else _HERE


def _mark(entry: Entry) -> str:
    """The place after an entry, for an address: microseconds since 1970, and its id."""
    return f"{(entry.at - _EPOCH) // timedelta(microseconds=1)}.{entry.id.hex}"


def _cursor(mark: str) -> Cursor | None:
    """The place that `_mark` wrote; of anything else the beginning."""
    moment, _, last = mark.partition(".")
    try:
        return _EPOCH + timedelta(microseconds=int(moment)), UUID(last)
    except (ValueError, OverflowError):
        return None


def _clean(text: str | None) -> bool:
    return text is not None and 0 < len(text) <= 2000 and text.isprintable()
