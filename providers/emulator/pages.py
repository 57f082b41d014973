"""The pages a person sees at an upstream: the consent, its refusal, and the list of connected apps.

Plain HTML forms, no script and no cookie. The forms post to the address they stand on, so the
request's own query is checked again with the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Protocol

from starlette.responses import HTMLResponse, Response

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}

HEADERS = {
    # No form-action: the answer to the form leaves for the app, and Chromium checks redirects against it.
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

STYLE = """
:root { color-scheme: light dark; --ground: #f4f5f4; --card: #fff; --ink: #16191a; --quiet: #5b6460;
  --line: #d9dedb; --leaf: #14713b; --on-leaf: #fff; }
@media (prefers-color-scheme: dark) { :root { --ground: #101312; --card: #191d1b; --ink: #eef2ef;
  --quiet: #9aa5a0; --line: #333b37; --leaf: #4fd07f; --on-leaf: #06210f; } }
* { box-sizing: border-box }
body { margin: 0; padding: 24px 16px; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif }
main { max-width: 480px; margin: 0 auto; padding: 24px; background: var(--card);
  border: 1px solid var(--line); border-radius: 12px; overflow-wrap: anywhere }
.tag { max-width: 480px; margin: 0 auto 12px; color: var(--quiet); font-size: 14px }
h1 { font-size: 22px; line-height: 1.25; margin: 0 0 16px } h2 { font-size: 16px; margin: 20px 0 4px }
ul { margin: 0; padding-left: 20px } code { font-size: 13px; color: var(--quiet) }
fieldset { border: 0; margin: 24px 0; padding: 0 } legend { padding: 0; font-weight: 600 }
label { display: flex; gap: 12px; align-items: center; min-height: 52px; padding: 6px 12px;
  margin-top: 8px; border: 1px solid var(--line); border-radius: 12px; cursor: pointer }
label:has(:checked) { border-color: var(--leaf); box-shadow: inset 0 0 0 1px var(--leaf) }
input { accent-color: var(--leaf); width: 20px; height: 20px; margin: 0; flex: none }
small { display: block; color: var(--quiet) }
button { min-height: 44px; padding: 0 24px; border-radius: 22px; font: inherit; font-weight: 600;
  cursor: pointer; border: 1px solid var(--line); background: none; color: inherit }
button[value=agree] { background: var(--leaf); border-color: var(--leaf); color: var(--on-leaf) }
.row { display: flex; gap: 12px; flex-wrap: wrap } .row button { flex: 1 1 140px }
:focus-visible { outline: 3px solid var(--leaf); outline-offset: 2px }
"""


class Account(Protocol):
    """Somebody of an upstream, as its pages show them. `key` is how a form names them."""

    @property
    def key(self) -> str:
        """How forms and the control surface name them."""

    @property
    def name(self) -> str:
        """What people call them."""

    @property
    def note(self) -> str:
        """The small print beneath the name."""


@dataclass(frozen=True)
class Somebody:
    """The simplest account."""

    key: str
    name: str
    note: str = ""


def page(html: str, status: int = 200) -> Response:
    """The answer that shows a page."""
    return HTMLResponse(html, status, {**NO_STORE, **HEADERS})


def question(
    upstream: str, client_id: str, wanted: Mapping[str, str], people: Iterable[Account], note: str = ""
) -> str:
    """The consent page: what the app asks for (scope and sentence), whose account, agree or cancel."""
    lines = "".join(
        f"<li>{escape(sentence)} <code>{escape(scope)}</code></li>" for scope, sentence in wanted.items()
    ) or "<li>Nothing but public data.</li>"  # fmt: skip
    return frame(
        upstream,
        "Connect an app",
        f"<h1>Allow <strong>{escape(client_id)}</strong> to connect to {escape(upstream)}?</h1>{alert(note)}"
        f"<h2>It asks for</h2><ul>{lines}</ul>"
        f'<form method="post">{radios("As", people)}{buttons("Agree", "Cancel")}</form>',
    )


def refusal(upstream: str, message: str) -> str:
    """The plain page of a request that cannot be sent back to its app."""
    return frame(upstream, "Error", f"<h1>Something is wrong with this request</h1><p>{escape(message)}</p>")


def apps(upstream: str, rows: Iterable[tuple[Account, str]]) -> str:
    """The list of connected apps, each with a button that revokes it."""
    cards = "".join(
        f'<form method="post"><h2>{escape(client_id)}</h2>'
        f"<p>{escape(person.name)} <small>{escape(person.note)}</small></p>"
        f'<input type="hidden" name="account" value="{escape(person.key)}">'
        f'<input type="hidden" name="client_id" value="{escape(client_id)}">'
        "<button>Remove access</button></form>"
        for person, client_id in rows
    )
    return frame(upstream, "Apps", f"<h1>Manage apps</h1>{cards or '<p>No app is connected.</p>'}")


def radios(legend: str, people: Iterable[Account], chosen: str | None = None) -> str:
    """One radio button per account, field `account`; the first is checked unless another is `chosen`."""
    everybody = list(people)
    checked = chosen if chosen is not None else next((person.key for person in everybody), None)
    rows = "".join(
        f'<label><input type="radio" name="account" value="{escape(person.key)}"'
        f"{' checked' if person.key == checked else ''}>"
        f"<span>{escape(person.name)}<small>{escape(person.note)}</small></span></label>"
        for person in everybody
    )
    return f"<fieldset><legend>{escape(legend)}</legend>{rows}</fieldset>"


def buttons(agree: str, cancel: str) -> str:
    """The two ways out of a consent page, field `decision`."""
    return (
        f'<div class="row"><button name="decision" value="agree">{escape(agree)}</button>'
        f'<button name="decision" value="cancel">{escape(cancel)}</button></div>'
    )


def alert(note: str) -> str:
    """A sentence about what is missing, or nothing."""
    return f'<p role="alert">{escape(note)}</p>' if note else ""


def frame(upstream: str, title: str, body: str) -> str:
    """The whole document; every page says that it is an emulator's."""
    named = escape(f"{upstream} emulator")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} – {named}</title><style>{STYLE}</style></head><body>"
        f'<p class="tag"><strong>{named}.</strong> '
        "Nobody here is real, and nothing leaves this machine.</p>"
        f"<main>{body}</main></body></html>"
    )
