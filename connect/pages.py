"""Pages: one Jinja2 environment with autoescape, and the few shapes every handler answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from connect.words import date, grouped
from vault.audit.events import Event
from vault.health import ahead


def with_code(text: str) -> Markup:
    """A sentence for a page: what stands between backticks is to be typed, and shown as such."""
    parts = enumerate(text.split("`"))
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in parts)


_ENVIRONMENT = Environment(
    loader=PackageLoader("connect"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters["ahead"] = ahead
_ENVIRONMENT.filters["date"] = date
_ENVIRONMENT.filters["grouped"] = grouped
_ENVIRONMENT.filters["with_code"] = with_code


@dataclass(frozen=True, slots=True)
class Step:
    """The one thing to do next: a sentence, and where it leads if it is a link of ours."""

    text: str
    href: str | None = None


class Refusal(Exception):
    """Ends a request with a page: what happened, what was not lost, the one thing to do next.

    `missed`: something was presented that we do not know, or somebody was turned away: counted by address.
    `denied`: what the audit says of it, an event and a reason; of one that is `missed` it always says so.
    """

    def __init__(
        self,
        status: int,
        title: str,
        sentence: str,
        next_step: str | Step = "",
        *,
        missed: bool = False,
        denied: tuple[Event, str] | None = None,
    ) -> None:
        super().__init__(title)
        self.denied = denied or (("page_refused", "unknown") if missed else None)
        self.status = status
        self.missed = missed
        self.title = title
        self.sentence = sentence
        self.next_step = next_step


def render(template: str, context: dict[str, Any], status: int = 200) -> HTMLResponse:
    """A page from a template. A name the template misses is an error, not a blank."""
    return HTMLResponse(_ENVIRONMENT.get_template(template).render(context), status)


def error_page(
    request: Request, status: int, title: str, sentence: str, next_step: str | Step = ""
) -> HTMLResponse:
    """A page that says what happened (`title`), what was not lost, and the one thing to do next.

    A 5xx also shows the request's reference, which is in the log.
    """
    step = Step(next_step) if isinstance(next_step, str) else next_step
    reference = getattr(request.state, "request_id", "") if status >= 500 else ""
    context = {"title": title, "sentence": sentence, "step": step, "reference": reference}
    return render("message.html", context, status)


def refused(request: Request, refusal: Refusal) -> Response:
    """The page of a Refusal; plain text for a program that accepts no pages."""
    accept = request.headers.get("accept", "*/*")
    if "text/html" in accept or "*/*" in accept:
        return error_page(request, refusal.status, refusal.title, refusal.sentence, refusal.next_step)
    step = refusal.next_step if isinstance(refusal.next_step, str) else refusal.next_step.text
    return PlainTextResponse(f"{refusal.title}. {refusal.sentence} {step}".strip() + "\n", refusal.status)


def leave(location: str, title: str, link: str, *, schemes: frozenset[str] = frozenset()) -> HTMLResponse:
    """A page that goes on to `location` by itself, with a visible link.

    A form's answer may not redirect off our origin: Chromium applies `form-action 'self'` to the
    redirect too. So the answer is 200 with a meta refresh. Raises ValueError when the location's
    scheme is neither http(s) nor one of `schemes`: `javascript:` and `data:` must never get here.
    """
    parts = urlsplit(location)
    web = parts.scheme in {"http", "https"} and parts.hostname
    if not (web or parts.scheme in schemes):
        raise ValueError(f"will not send a browser to a {parts.scheme or 'relative'} address")
    host = parts.hostname if web else ""
    return render("leave.html", {"location": location, "title": title, "link": link, "host": host})
