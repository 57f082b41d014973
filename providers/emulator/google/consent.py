"""The pages of accounts.google.com: account chooser with tick boxes, and the error page."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from providers.emulator.google.people import Person
from providers.emulator.google.scopes import SCOPES, SIGN_IN, field, services
from providers.emulator.pages import alert, buttons, frame, radios

TITLE = "Google"


def question(client_id: str, scopes: list[str], people: Iterable[Person], hint: str, note: str) -> str:
    """Whose account, and what of it. `hint` (an address or a `sub`) preselects an account.

    With more than one scope beyond signing in, each has a tick box (granular permissions).
    """
    everybody = list(people)
    chosen = next((p.key for p in everybody if hint in {p.email, p.sub}), None)
    wanted = services(scopes)
    boxes = "".join(_box(scope) for scope in wanted) if len(wanted) > 1 else ""
    signing = [scope for scope in scopes if scope in SIGN_IN]
    listed = "".join(_line(scope) for scope in (signing if boxes else [*signing, *wanted]))
    choices = f"<fieldset><legend>Select what it can access</legend>{boxes}</fieldset>" if boxes else ""
    return frame(
        TITLE,
        "Sign in",
        f"<h1><strong>{escape(client_id)}</strong> wants access to your Google Account</h1>{alert(note)}"
        f"<h2>This will allow it to</h2><ul>{listed}</ul>"
        f'<form method="post">{choices}{radios("Choose an account", everybody, chosen)}'
        f"{buttons('Continue', 'Cancel')}</form>",
    )


def blocked(code: str, sentence: str, status: int) -> str:
    """The page of a request that cannot be sent back to its app."""
    return frame(
        TITLE,
        f"Error {status}",
        "<h1>Access blocked: this app’s request is invalid</h1>"
        f"<p>{escape(sentence)}</p><p>Error {status}: {escape(code)}</p>",
    )


def _line(scope: str) -> str:
    return f"<li>{escape(SCOPES[scope])} <code>{escape(scope)}</code></li>"


def _box(scope: str) -> str:
    return (
        f'<label><input type="checkbox" name="{escape(field(scope))}" value="on" checked>'
        f"<span>{escape(SCOPES[scope])}<small>{escape(scope)}</small></span></label>"
    )
