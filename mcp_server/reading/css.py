"""As much of CSS as it takes to know that a text can't be seen.

Declarations stand in an attribute, or in a mail's own style sheet. Properties as in CSS 2.2 and css-color-3;
what mail programs add begins with `mso-`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import tinycss2
from tinycss2.color3 import RGBA, parse_color

Style = Mapping[str, str]
"""Declarations by the name of their property, in lower case."""

_LONGEST_STYLE = 2_000
_LONGEST_SHEET = 60_000
_MOST_RULES = 2_000
_SIMPLE = re.compile(r"([a-z][a-z0-9]*)?(?:([.#])([\w-]+))?", re.I)
_NUMBER = re.compile(r"(-?\d*\.?\d+)([a-z%]*)")
_FAR = 500  # px: further left or up than any page is wide
_CLOSE = 12 / 255  # two colours that no reader can tell apart


def declared(text: str) -> Style:
    """The declarations of a style attribute."""
    found: dict[str, str] = {}
    for part in text[:_LONGEST_STYLE].split(";"):
        name, colon, value = part.partition(":")
        if colon:
            found[name.strip().lower()] = value.replace("!important", "").strip().lower()
    return found


def hides(style: Style) -> bool:
    """Whether an element with these declarations shows nothing of itself, its children included."""
    return (
        style.get("display") == "none"
        or style.get("visibility") in {"hidden", "collapse"}
        or style.get("mso-hide") == "all"
        or _tiny(style)
        or _outside(style)
        or _folded(style)
    )


def _tiny(style: Style) -> bool:
    size, opacity = _length(style.get("font-size", "")), _length(style.get("opacity", ""))
    return (size is not None and size < 2) or (opacity is not None and opacity < 0.1)


def _outside(style: Style) -> bool:
    if any((far := _length(style.get(name, ""))) is not None and far <= -_FAR for name in ("text-indent",)):
        return True
    if style.get("position") in {"absolute", "fixed"}:
        return any(
            (_length(style.get(name, "")) or 0) <= -_FAR for name in ("left", "top", "right", "bottom")
        )
    return any((_length(style.get(name, "")) or 0) <= -_FAR for name in ("margin-left", "margin-top"))


def _folded(style: Style) -> bool:
    if "scale(0" in style.get("transform", "") or "rect(0" in style.get("clip", "").replace(
        "rect(1px", "rect(0"
    ):
        return True
    if style.get("clip-path", "").startswith(("inset(50%", "inset(100%", "circle(0")):
        return True
    sides = ("height", "max-height", "width", "max-width")
    small = any((length := _length(style.get(name, ""))) is not None and length < 2 for name in sides)
    return small and style.get("overflow", "").startswith(("hidden", "clip"))


def _length(value: str) -> float | None:
    """A number in px, or a bare one; relative units count as if 1em were 16 px. None: it is none."""
    found = _NUMBER.match(value)
    if found is None:
        return None
    number = float(found[1])
    return number * {"em": 16, "rem": 16, "pt": 4 / 3, "%": 0.16}.get(found[2], 1)


def colour(value: str | None) -> RGBA | None:
    """A colour, or None where the word names none."""
    try:
        found = parse_color(value) if value else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, RGBA) else None


def background(style: Style, attribute: str | None) -> RGBA | None:
    """The colour behind an element, where it has one of its own."""
    word = style.get("background-color") or style.get("background", "").split(" ")[0] or attribute
    found = colour(word)
    return found if found is not None and found.alpha > 0.5 else None


def pictured(style: Style) -> bool:
    """Whether a picture or a gradient is behind an element: of what colour, nobody can tell."""
    words = style.get("background", "") + style.get("background-image", "")
    return "url(" in words or "gradient(" in words


def same(front: RGBA, behind: RGBA) -> bool:
    """Whether text of one colour can't be told from what is behind it."""
    if front.alpha < 0.1:
        return True
    return all(abs(one - other) <= _CLOSE for one, other in zip(front[:3], behind[:3], strict=True))


@dataclass
class Sheet:
    """What a mail's own style sheet says of a tag, class or id. Longer selectors are passed over."""

    _rules: dict[str, list[tuple[str, Style]]] = field(default_factory=dict)

    def read(self, text: str) -> None:
        """Take in a style element. What stands in @media may or may not hold, so it does not count."""
        for selector, style in _rules(text[:_LONGEST_SHEET]):
            for one in selector.split(","):
                found = _SIMPLE.fullmatch(one.strip())
                if found and (found[1] or found[3]):
                    key = f"{found[2]}{found[3]}" if found[3] else found[1].lower()
                    tag = (found[1] or "").lower() if found[3] else ""
                    self._rules.setdefault(key, []).append((tag, style))

    def of(self, tag: str, classes: str, id_: str) -> Iterator[Style]:
        """The declarations that hold for an element, weakest first."""
        if not self._rules:
            return
        for key in (tag, *(f".{name}" for name in classes.split()[:20]), f"#{id_}"):
            for only, style in self._rules.get(key, ()):
                if only in {"", tag}:
                    yield style


def _rules(text: str) -> Iterator[tuple[str, Style]]:
    try:
        rules = tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True)
    except RecursionError:
        return
    for rule in rules[:_MOST_RULES]:
        if rule.type == "qualified-rule":
            try:
                yield tinycss2.serialize(rule.prelude), declared(tinycss2.serialize(rule.content))
            except RecursionError:
                continue
