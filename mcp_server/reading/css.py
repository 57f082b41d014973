"""As much of CSS as it takes to know that a text can't be seen.

Properties as in CSS 2.2, css-color-4 and css-cascade-4; what mail programs add begins with `mso-`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from tinycss2.color4 import Color, parse_color

Style = Mapping[str, str]
"""Declarations by the name of their property, in lower case."""

_FAR = 500  # px: further left or up than any page is wide
_BEYOND = 3_000  # px: further right or down than anybody scrolls
_CLOSE = 24 / 255  # two colours that no reader can tell apart
_SMALL = 2  # px
_MOST_CALLS = 20

_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})\s?|(.))", re.I | re.S)
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.S)
_IMPORTANT = re.compile(r"!\s*important\s*\Z")
_NUMBER = re.compile(r"(?:calc\(\s*)?([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d{1,3})?)([a-z]*|%)\s*\)?")
# px of each unit. A relative one as if the page were 1000 px wide, its letters 16 px high.
_UNITS = {
    "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 37.8, "mm": 3.78, "q": 0.945, "em": 16.0,
    "rem": 16.0, "ex": 8.0, "ch": 8.0, "vw": 10.0, "vh": 8.0, "vmin": 8.0, "vmax": 10.0,
}  # fmt: skip
_CALL = re.compile(r"([a-z-]+)\(([^()]{0,200})\)")
_HEX = re.compile(r"#(?:([0-9a-f])([0-9a-f])([0-9a-f])|([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2}))")
_SHOWN = re.compile(
    r"none|contents|list-item|flow(?:-root)?|(?:inline-)?(?:block|flex|grid|table)|inline|table-[a-z-]+|"
    r"inherit|initial|unset|revert|ruby|run-in|-(?:webkit|moz|ms)-[a-z-]+"
)
_SIDES = ("top", "right", "bottom", "left")
_SIZES = ("height", "max-height", "width", "max-width")
_WORDS = frozenset({"auto", "none", "initial", "inherit", "unset", "normal", "fit-content", "max-content"})
_NAMED_SIZES = {
    "xx-small": 9.0, "x-small": 10.0, "small": 13.0, "medium": 16.0, "large": 18.0, "x-large": 24.0,
    "xx-large": 32.0, "initial": 16.0,
}  # fmt: skip


class RGBA(NamedTuple):
    """A colour; each from 0 to 1."""

    red: float
    green: float
    blue: float
    alpha: float = 1.0


class Declared(NamedTuple):
    """Declarations, and those that are `!important`: they win over all others."""

    usual: Style
    strong: Style


def declared(text: str) -> Declared:
    """The declarations of a style attribute, or between the braces of a rule.

    One that is not valid does not count, so that it does not undo the one before it.
    """
    usual: dict[str, str] = {}
    strong: dict[str, str] = {}
    if "/*" in text:
        text = _COMMENT.sub(" ", text)
    for part in text.split(";"):
        name, colon, value = part.lower().partition(":")
        if "\\" in part:
            name, value = _ESCAPE.sub(_letter, name), _ESCAPE.sub(_letter, value)
        plain = _IMPORTANT.sub("", value.strip())
        for one, meant in _longhands(name.strip(), plain.strip()) if colon else ():
            if (valid := _VALID.get(one)) is not None and valid(meant):
                (usual if plain == value.strip() else strong)[one] = meant
    return Declared(usual, strong)


def _letter(found: re.Match[str]) -> str:
    try:
        return chr(int(found[1], 16)).lower() if found[1] else found[2].lower()
    except ValueError:
        return ""


def _longhands(name: str, value: str) -> Iterator[tuple[str, str]]:
    """A shorthand as what we look at of it."""
    if name == "font":
        sizes = (word.partition("/")[0] for word in value.split())
        size = next((word for word in sizes if length(word) is not None or word in _NAMED_SIZES), "")
        yield "font-size", size
    elif name in {"margin", "inset"}:
        words = value.split()[:4]
        sides = {1: (0, 0, 0, 0), 2: (0, 1, 0, 1), 3: (0, 1, 2, 1), 4: (0, 1, 2, 3)}.get(len(words), ())
        for side, at in zip(_SIDES, sides, strict=False):
            yield (f"margin-{side}" if name == "margin" else side), words[at]
    else:
        yield name, value


def _measured(value: str) -> bool:
    return value in _WORDS or length(value) is not None


_VALID: dict[str, Callable[[str], bool]] = {
    "display": lambda value: _SHOWN.fullmatch(value) is not None,
    "visibility": lambda value: value in {"visible", "hidden", "collapse", "initial"},
    "opacity": lambda value: _share(value) is not None,
    "font-size": lambda value: value in _NAMED_SIZES or length(value) is not None,
    **dict.fromkeys(
        ("color", "background-color", "-webkit-text-fill-color"), lambda value: colour(value) is not None
    ),
    **dict.fromkeys(
        ("background", "background-image", "position", "white-space", "overflow", "overflow-x", "overflow-y",
         "transform", "translate", "scale", "clip", "clip-path", "filter", "content-visibility", "mso-hide"),
        bool,
    ),
    **dict.fromkeys((*_SIDES, *_SIZES, "margin-left", "margin-top", "text-indent"), _measured),
}  # fmt: skip


def hides(style: Style) -> bool:
    """Whether an element with these declarations shows nothing of itself, its children included."""
    return (
        style.get("display") == "none"
        or style.get("content-visibility") == "hidden"
        or style.get("mso-hide") == "all"
        or _outside(style)
        or _folded(style)
    )


def opacity(style: Style) -> float:
    """How much of it is seen, from 0 to 1; it counts together with what it stands in."""
    found = _share(style.get("opacity", "")) if "opacity" in style else 1.0
    for name, value in _calls(style.get("filter", "")):
        share = _share(value.strip()) if name == "opacity" else None
        found = min(found or 0.0, 1.0 if share is None else share)
    return found or 0.0


def _share(value: str) -> float | None:
    found = _NUMBER.fullmatch(value)
    if found is None or found[2] not in {"", "%"}:
        return None
    return min(max(float(found[1]) * (0.01 if found[2] else 1), 0.0), 1.0)


def letters(style: Style, around: float) -> float:
    """The height of letters in px; `around`: of those that it stands among."""
    value = style.get("font-size", "")
    if value in _NAMED_SIZES:
        return _NAMED_SIZES[value]
    found = length(value, around / 100)
    if found is None:
        return around
    return found / 16 * around if value.endswith("em") and not value.endswith("rem") else found


def length(value: str, percent: float = 8.0) -> float | None:
    """A length in px, `percent` those of 1 %. None: it is none."""
    found = _NUMBER.fullmatch(value)
    if found is None:
        return None
    number, unit = float(found[1]), found[2]
    if unit == "%":
        return number * percent
    if not unit:
        return 0.0 if number == 0 else None
    return number * _UNITS[unit] if unit in _UNITS else None


def _away(value: str | None) -> bool:
    found = length(value) if value else None
    return found is not None and (found <= -_FAR or found >= _BEYOND)


def _outside(style: Style) -> bool:
    indent = length(style.get("text-indent", ""), 10.0)
    if indent is not None and (indent <= -_FAR or (indent >= 1_000 and _clipped(style))):
        return True
    if style.get("position") in {"absolute", "fixed", "relative"} and any(
        _away(style.get(side)) for side in _SIDES
    ):
        return True
    if any((length(style.get(name, "")) or 0) <= -_FAR for name in ("margin-left", "margin-top")):
        return True
    moved = [value for name, value in _calls(style.get("transform", "")) if name.startswith("translate")]
    return any(_away(word) for each in (*moved, style.get("translate", "")) for word in _list(each))


def _folded(style: Style) -> bool:
    scales = [value for name, value in _calls(style.get("transform", "")) if name.startswith("scale")]
    if any(
        abs(float(found[1])) < 0.05
        for each in (*scales, style.get("scale", ""))
        for word in _list(each)
        if (found := _NUMBER.fullmatch(word)) and found[2] == ""
    ):
        return True
    if style.get("position") in {"absolute", "fixed"} and _no_area(style.get("clip", "")):
        return True
    if any(_cut_away(*call) for call in _calls(style.get("clip-path", ""))):
        return True
    sides = [length(style.get(name, ""), 100.0) for name in _SIZES]
    small = any(side is not None and side < _SMALL for side in sides)
    return small and _clipped(style)


def _clipped(style: Style) -> bool:
    return any(style.get(name, "").startswith(("hidden", "clip"))
               for name in ("overflow", "overflow-x", "overflow-y"))  # fmt: skip


def _calls(value: str) -> list[tuple[str, str]]:
    """The functions in a value, each with what stands between its brackets."""
    return _CALL.findall(value)[:_MOST_CALLS] if value else []


def _list(value: str) -> list[str]:
    return value.replace(",", " ").split()[:_MOST_CALLS]


def _no_area(clip: str) -> bool:
    """Whether `clip` leaves a rectangle that nothing is seen in."""
    for name, value in _calls(clip):
        sides = [length(word) for word in _list(value)]
        if name == "rect" and len(sides) == 4:
            top, right, bottom, left = sides
            for end, begin in ((bottom, top), (right, left)):
                if end is not None and end - (begin or 0) < _SMALL:
                    return True
    return False


def _cut_away(name: str, value: str) -> bool:
    """Whether a shape of `clip-path` leaves nothing to be seen."""
    words = _list(value.partition("at")[0].partition("round")[0])
    sizes = [length(word, 1.0) for word in words]
    if name in {"circle", "ellipse", "polygon"}:
        return bool(words) and all(size is not None and size < _SMALL for size in sizes)
    if name == "inset" and words and all(word.endswith("%") for word in words):
        top, right, bottom, left = (sizes * 4)[:4] if len(sizes) in {1, 2, 4} else (*sizes, sizes[1])
        return (top or 0) + (bottom or 0) > 98 or (right or 0) + (left or 0) > 98
    return False


def colour(value: str | None) -> RGBA | None:
    """A colour, or None where the word names none."""
    if not value:
        return None
    if found := _HEX.fullmatch(value.lower()):
        pairs = [2 * each for each in found.groups()[:3]] if found[1] else found.groups()[3:]
        return RGBA(*(int(each, 16) / 255 for each in pairs))
    try:
        known = parse_color(value[:200])
        there = known.to("srgb") if isinstance(known, Color) else None
    except (ValueError, RecursionError, NotImplementedError):
        return None
    if there is None:
        return None
    red, green, blue = there.coordinates
    return RGBA(red, green, blue, there.alpha)


def background(style: Style, attribute: str | None) -> RGBA | None:
    """The colour behind an element, where it has one of its own."""
    shorthand = re.findall(r"[a-z-]+\([^()]{0,80}\)|[^\s,()]+", style.get("background", "")[:500])
    words = (style.get("background-color"), *shorthand, attribute)
    found = next((known for word in words if (known := colour(word)) is not None), None)
    return found if found is not None and found.alpha > 0.5 else None


def pictured(style: Style) -> bool:
    """Whether a picture or a gradient is behind an element: of what colour, nobody can tell."""
    words = style.get("background", "") + style.get("background-image", "")
    return "url(" in words or "gradient(" in words


def same(front: RGBA, behind: RGBA) -> bool:
    """Whether text of one colour can't be told from what is behind it, which shines through."""
    return all(
        abs(one - other) * front.alpha <= _CLOSE for one, other in zip(front[:3], behind[:3], strict=True)
    )
