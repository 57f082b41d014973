"""What a model means by an argument that names something on Spotify: a URI, a link, or an id."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from mcp_server.errors import Refusal
from mcp_server.tools.text import listed
from providers.spotify import Reference, ReferenceKind, parse_reference

_BARE = re.compile(r"[0-9A-Za-z]{22}")


def reference(
    text: str,
    allowed: Collection[ReferenceKind],
    *,
    bare: ReferenceKind | None = None,
    argument: str = "item",
) -> Reference:
    """What `text` points to, one of the kinds `allowed`; an id alone is of kind `bare`.

    Raises Refusal that says what would do.
    """
    found = parse_reference(text) or (parse_reference(text, bare) if bare else None)
    if found is not None and found.kind in allowed:
        return found
    raise Refusal("invalid_argument", f"`{argument}` {_fault(text, found, allowed)}")


def references(
    texts: Iterable[str],
    allowed: Collection[ReferenceKind],
    *,
    bare: ReferenceKind | None = "track",
    argument: str = "items",
) -> list[Reference]:
    """All of them, in order. Raises Refusal that names each place that is none: nothing was done then."""
    found: list[Reference] = []
    faults: list[str] = []
    for place, text in enumerate(texts):
        one = parse_reference(text) or (parse_reference(text, bare) if bare else None)
        if one is not None and one.kind in allowed:
            found.append(one)
        else:
            faults.append(f"`{argument}[{place}]` {_fault(text, one, allowed)}")
    if faults:
        more = f" And {len(faults) - 3} more." if len(faults) > 3 else ""
        raise Refusal("invalid_argument", " ".join(faults[:3]) + more + " Nothing was changed.")
    return found


def _fault(text: str, found: Reference | None, allowed: Collection[ReferenceKind]) -> str:
    """Never quotes `text`: it may be anything."""
    kinds = listed(sorted(allowed))
    if found is not None:
        return f"is {_article(found.kind)}; this takes {kinds}."
    example = sorted(allowed)[0]
    if _BARE.fullmatch(text.strip()):
        return f"is an id without its kind. Write it as a URI, such as spotify:{example}:ID."
    return (
        f"is no Spotify URI (spotify:{example}:ID) and no open.spotify.com link of {kinds}. "
        "Find one with spotify_search."
    )


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
