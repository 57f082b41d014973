"""Redirect URIs: which may be registered, and which registration one that is presented matches.

Sources: OAuth 2.1 §2.3 (exact match), RFC 8252 §7.3 (loopback on any port), RFC 9700 §4.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import cast
from urllib.parse import urlencode, urlsplit

KNOWN_CUSTOM: Mapping[str, str] = {"cursor://anysphere.cursor-mcp/oauth/callback": "Cursor"}
"""The custom-scheme URIs we accept, letter by letter, and whose they are."""

CUSTOM_SCHEMES = frozenset(urlsplit(uri).scheme for uri in KNOWN_CUSTOM)
"""Schemes besides http(s) that an answer may leave by."""

# RFC 3986 without `#`. Backslashes, spaces and controls stay out: browsers and urlsplit read them
# differently. The authority has no userinfo for the same reason.
_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+")
_AUTHORITY = re.compile(r"(?P<host>[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_MAX = 2000
MAX_REDIRECTS = 20
"""The most redirect URIs of one client."""


def refusal(uri: str) -> str | None:
    """Why this URI may not be registered, as a sentence; None where it may."""
    if uri in KNOWN_CUSTOM:
        return None
    rules = (
        (len(uri) <= _MAX, f"A redirect URI may have at most {_MAX} characters."),
        ("#" not in uri, "A redirect URI must not have a fragment."),
        (
            _CHARACTERS.fullmatch(uri),
            "A redirect URI holds only characters of RFC 3986; percent-encode others.",
        ),
    )
    return next((sentence for fine, sentence in rules if not fine), None) or _place(uri)


def several(given: object) -> tuple[str, ...]:
    """The redirect URIs of a client's metadata. Raises ValueError, with a sentence, for any we don't take."""
    if not isinstance(given, list) or not given or not all(isinstance(uri, str) for uri in given):
        raise ValueError("redirect_uris must be a list with at least one URI.")
    uris = tuple(dict.fromkeys(cast("list[str]", given)))
    if len(uris) > MAX_REDIRECTS:
        raise ValueError(f"A client may have at most {MAX_REDIRECTS} redirect URIs.")
    why = next((why for why in map(refusal, uris) if why), None)
    if why is not None:
        raise ValueError(why)
    return uris


def _place(uri: str) -> str | None:
    """Why a well-formed URI leads to a place we don't send codes to."""
    scheme, _, rest = uri.partition("://")
    if scheme.lower() not in {"https", "http"}:
        return "A redirect URI must begin with https://, or http:// on localhost, 127.0.0.1 or [::1]."
    host = _host(rest)
    if host is None:
        return "A redirect URI needs a plain host name, with a port if need be, and no user name before it."
    if scheme.lower() == "http" and host not in _LOOPBACK:
        return "A redirect URI with http:// must be on localhost, 127.0.0.1 or [::1]; use https:// elsewhere."
    return None


def match(presented: str, registered: Iterable[str]) -> str | None:
    """The registered URI that `presented` equals, or differs from in a loopback port only."""
    known = list(registered)
    if presented in known:
        return presented
    shape = _loopback(presented)
    if shape is None:
        return None
    return next((uri for uri in known if _loopback(uri) == shape), None)


def is_loopback(uri: str) -> bool:
    """Does the URI lead to a program on the person's own machine over http?"""
    return _loopback(uri) is not None


def display_host(uri: str) -> str:
    """What to call the place a URI leads to: its host, or the name of a known custom scheme's program."""
    return KNOWN_CUSTOM.get(uri) or urlsplit(uri).hostname or "unknown"


def answer_url(redirect_uri: str, fields: Mapping[str, str | None]) -> str:
    """The redirect URI with the answer's parameters after those it has (RFC 6749 §4.1.2)."""
    query = urlencode({name: value for name, value in fields.items() if value is not None})
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{query}"


def _host(rest: str) -> str | None:
    """The host of what follows `://`, in lower case; None where the authority is not a plain one."""
    authority = re.split("[/?]", rest, maxsplit=1)[0]
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        return None
    try:
        urlsplit(f"//{authority}").port  # noqa: B018 - raises on a port above 65535 and on a bad IPv6 address
    except ValueError:
        return None
    return found["host"].lower()


def _loopback(uri: str) -> tuple[str, str] | None:
    """Host and everything after the port of an http loopback URI; None for any other."""
    scheme, _, rest = uri.partition("://")
    if scheme.lower() != "http" or refusal(uri) is not None:
        return None
    authority = re.split("[/?]", rest, maxsplit=1)[0]
    return _host(rest) or "", rest[len(authority) :]
