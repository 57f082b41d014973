"""A request at Gmail: whose mailbox it is about, and what it asks of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.emulator.google import query
from providers.emulator.google.gmail import refusals
from providers.emulator.google.gmail.mail import Label, Mail, Mailbox
from providers.emulator.google.gmail.search import Search
from providers.emulator.google.guard import Handler
from providers.emulator.google.people import Person
from providers.emulator.google.scopes import full

if TYPE_CHECKING:
    from providers.emulator.google.gmail.api import GmailApi

Json = dict[str, Any]
METADATA = full("gmail.metadata")
READING = {"https://mail.google.com/", full("gmail.modify"), full("gmail.readonly")}


@dataclass(frozen=True)
class Visit:
    """A request of `person` about their own mailbox."""

    api: GmailApi
    request: Request
    person: Person

    @property
    def box(self) -> Mailbox:
        """The mailbox."""
        return self.api.post.box(self.person)

    @property
    def glancing(self) -> bool:
        """Whether its token opens no more than headings and labels."""
        held = set(self.api.google.bearer(self.request).scopes)
        return METADATA in held and not READING & held

    def mail(self) -> Mail:
        """The message in the path. Raises ApiError."""
        mail: Mail = self._found(self.box.mails, "message")
        return mail

    def draft(self) -> Mail:
        """The draft in the path. Raises ApiError 404."""
        drafts = {mail.draft: mail for mail in self.box.mails.values() if mail.draft}
        found = drafts.get(self.request.path_params["draft"])
        if found is None:
            raise refusals.missing()
        return found

    def thread(self) -> list[Mail]:
        """The messages of the thread in the path. Raises ApiError."""
        threads = {mail.thread for mail in self.box.mails.values()}
        id_: str = self._found({id_: id_ for id_ in threads}, "thread")
        return self.box.thread(id_)

    def label(self) -> Label:
        """The label in the path. Raises ApiError 404."""
        found = self.box.labels.get(self.request.path_params["label"])
        if found is None:
            raise refusals.missing()
        return found

    def labels(self, names: Iterable[Any]) -> list[str]:
        """Ids of labels that there are. Raises ApiError 400."""
        for name in names:
            if name not in self.box.labels:
                raise refusals.wrong(f"Invalid label: {name}")
        return [str(name) for name in names]

    def matching(self) -> list[Mail]:
        """The messages that q, labelIds and includeSpamTrash ask for, newest first. Raises ApiError."""
        text = self.request.query_params.get("q", "")
        if text and self.glancing:
            raise refusals.forbidden("Metadata scope does not support 'q' parameter")
        names = {label.name: label.id for label in self.box.labels.values()}
        try:
            search = Search(text, names, self.person.email, self.api.google.clock.now())
        except RecursionError:
            raise refusals.wrong("Invalid query") from None
        wanted = set(self.labels(self.request.query_params.getlist("labelIds")))
        everything = search.everywhere or query.flag(self.request, "includeSpamTrash")
        everything = everything or bool(wanted & {"TRASH", "SPAM"})
        return [
            mail
            for mail in self.box.latest()
            if (everything or not mail.hidden) and wanted <= set(mail.labels) and search(mail)
        ]

    def _found(self, rows: dict[str, Any], name: str) -> Any:
        id_ = self.request.path_params[name]
        if not all(sign in "0123456789abcdef" for sign in id_.lower()) or len(id_) > 16:
            raise refusals.wrong("Invalid id value")
        if id_ not in rows:
            raise refusals.missing()
        return rows[id_]


def handler(api: GmailApi, answer: Callable[[Visit], Awaitable[Json | None]]) -> Handler:
    """`answer` for the owner of the token and nobody else; nothing to say is 204."""

    async def endpoint(request: Request, person: Person) -> Response:
        user = request.path_params["user"]
        if user not in {"me", person.email}:
            raise refusals.forbidden(f"Delegation denied for {person.email}")
        row = await answer(Visit(api, request, person))
        return Response(status_code=204) if row is None else JSONResponse(query.selected(request, row))

    return endpoint
