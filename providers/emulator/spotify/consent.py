"""The pages a person sees at the upstream: the consent, its refusal, and the list of connected apps.

Plain HTML forms, no script and no cookie. The forms post to the address they stand on, so the
request's own query is checked again with the answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from providers.emulator.spotify.people import Person

SCOPES = {
    "ugc-image-upload": "Upload images to Spotify on your behalf.",
    "user-read-playback-state": "Read what is playing and your Spotify Connect devices.",
    "user-modify-playback-state": "Control playback on your Spotify Connect devices.",
    "user-read-currently-playing": "Read what is currently playing.",
    "app-remote-control": "Communicate with the Spotify app on your device.",
    "streaming": "Play content on your other devices.",
    "playlist-read-private": "Access your private playlists.",
    "playlist-read-collaborative": "Access your collaborative playlists.",
    "playlist-modify-private": "Manage your private playlists.",
    "playlist-modify-public": "Manage your public playlists.",
    "user-follow-modify": "Manage who you are following.",
    "user-follow-read": "Access who you are following.",
    "user-read-playback-position": "Read your position in content you have played.",
    "user-top-read": "Read your top artists and content.",
    "user-read-recently-played": "Access your recently played items.",
    "user-library-modify": "Manage your saved content.",
    "user-library-read": "Access your saved content.",
    "user-read-email": "Get your real email address.",
    "user-read-private": "Access your subscription details.",
}
"""Every scope there is, with the sentence a person reads (the API's OpenAPI file, securitySchemes)."""

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


def question(client_id: str, scopes: Iterable[str], people: Iterable[Person], note: str = "") -> str:
    """The consent page: what the app asks for, whose account, agree or cancel."""
    wanted = "".join(
        f"<li>{escape(SCOPES[scope])} <code>{escape(scope)}</code></li>" for scope in scopes
    ) or "<li>Nothing but public data.</li>"  # fmt: skip
    accounts = "".join(
        f'<label><input type="radio" name="account" value="{escape(person.key)}"{"" if at else " checked"}>'
        f"<span>{escape(person.name)}<small>{escape(person.note)}</small></span></label>"
        for at, person in enumerate(people)
    )
    alert = f'<p role="alert">{escape(note)}</p>' if note else ""
    return _frame(
        "Connect an app",
        f"<h1>Allow <strong>{escape(client_id)}</strong> to connect to Spotify?</h1>{alert}"
        f"<h2>It asks for</h2><ul>{wanted}</ul>"
        f'<form method="post"><fieldset><legend>As</legend>{accounts}</fieldset>'
        '<div class="row"><button name="decision" value="agree">Agree</button>'
        '<button name="decision" value="cancel">Cancel</button></div></form>',
    )


def refusal(message: str) -> str:
    """The plain page of a request that cannot be sent back to its app."""
    return _frame("Error", f"<h1>Something is wrong with this request</h1><p>{escape(message)}</p>")


def apps(rows: Iterable[tuple[Person, str]]) -> str:
    """The list of connected apps, each with a button that revokes it."""
    cards = "".join(
        f'<form method="post"><h2>{escape(client_id)}</h2><p>{escape(person.name)}</p>'
        f'<input type="hidden" name="account" value="{escape(person.key)}">'
        f'<input type="hidden" name="client_id" value="{escape(client_id)}">'
        "<button>Remove access</button></form>"
        for person, client_id in rows
    )
    return _frame("Apps", f"<h1>Manage apps</h1>{cards or '<p>No app is connected.</p>'}")


def _frame(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} – Spotify emulator</title><style>{STYLE}</style></head><body>"
        '<p class="tag"><strong>Spotify emulator.</strong> '
        "Nobody here is real, and nothing leaves this machine.</p>"
        f"<main>{body}</main></body></html>"
    )
