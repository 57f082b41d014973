"""A mail's own style sheet: which of its rules hold for an element.

Selectors as in selectors-4: tags, classes, ids and attributes, and what they stand in or come after. Rules
with anything else (`:hover`) are passed over, and so is what holds only on a small or a dark screen.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import tinycss2

from mcp_server.reading.css import Declared, Style, declared

_LONGEST_SHEET = 60_000
_MOST_RULES = 3_000
_MOST_LOOKS = 300_000
_WIDTH = 1_000  # px: of the page that somebody reads
_DEEPEST = 4
_MOST_BEFORE = 50

_COMPOUND = re.compile(r"([a-z][\w-]*|\*)?((?:[.#][\w-]+|\[[^\[\]]{1,100}\])*)", re.I)
_BIT = re.compile(r"[.#][\w-]+|\[[^\[\]]+\]")
_ATTRIBUTE = re.compile(r"\[\s*([\w-]+)\s*(?:([~^$*|]?)=\s*[\"']?([^\"']*?)[\"']?\s*(?:\s[is])?)?\]")
_STEPS = re.compile(r"\s*([>+~])\s*|\s+")
_MEDIA = re.compile(r"(?:only\s+)?(all|screen)?(?:\s*(?:and)?\s*\(\s*(min|max)-width\s*:\s*(\d+)px\s*\))*")
_WIDTHS = re.compile(r"(min|max)-width\s*:\s*(\d+)px")


class Spent(Exception):
    """A sheet so long that nobody should go on applying it."""


@dataclass(slots=True)
class Element:
    """What selectors ask of an element. `place`: how many stand before it under the same parent."""

    tag: str
    attributes: Mapping[str, str | None]
    parent: Element | None = None
    place: int = 0
    children: list[Element] = field(default_factory=list)
    classes: frozenset[str] = frozenset()
    id: str = ""


@dataclass(frozen=True, slots=True)
class _Compound:
    tag: str
    id: str
    classes: frozenset[str]
    attributes: tuple[tuple[str, str, str], ...]

    def fits(self, element: Element) -> bool:
        return (
            self.tag in {"", element.tag}
            and self.id in {"", element.id}
            and self.classes <= element.classes
            and all(_has(element, *each) for each in self.attributes)
        )


@dataclass(frozen=True, slots=True)
class _Rule:
    """`steps`: the compounds from the right, each with how it stands to the one before."""

    steps: tuple[tuple[str, _Compound], ...]
    weight: tuple[int, int, int, int]
    style: Declared


class Sheet:
    """The rules of all style elements of a document."""

    def __init__(self) -> None:
        self._rules: dict[str, dict[str, _Rule]] = defaultdict(dict)
        self._count = 0
        self._looks = 0

    def read(self, text: str) -> None:
        """Take in a style element."""
        try:
            self._take(tinycss2.parse_stylesheet(text[:_LONGEST_SHEET], True, True), 0)
        except RecursionError:
            return

    def _take(self, rules: list[Any], depth: int) -> None:
        for rule in rules:
            if self._count >= _MOST_RULES or depth > _DEEPEST:
                return
            kind = rule.type
            if kind == "qualified-rule":
                self._add(tinycss2.serialize(rule.prelude), declared(tinycss2.serialize(rule.content)))
            elif kind == "at-rule" and rule.content is not None and _holds(rule):
                self._take(tinycss2.parse_rule_list(rule.content, True, True), depth + 1)

    def _add(self, selectors: str, style: Declared) -> None:
        if not style.usual and not style.strong:
            return
        for one in selectors.split(","):
            self._count += 1
            text = one.strip()
            steps = _steps(text)
            if not steps or self._count > _MOST_RULES:
                continue
            last = steps[0][1]
            key = (
                f"#{last.id}"
                if last.id
                else next((f".{name}" for name in sorted(last.classes)), last.tag or "*")
            )
            before = self._rules[key].get(text)
            if before is not None:
                style_ = Declared(
                    {**before.style.usual, **style.usual}, {**before.style.strong, **style.strong}
                )
            else:
                style_ = style
            self._rules[key][text] = _Rule(steps, (*_weight(steps), self._count), style_)

    def of(self, element: Element, own: Declared) -> Style:
        """The declarations that hold for it, its style attribute's (`own`) among them. Raises Spent."""
        if not self._rules:
            return {**own.usual, **own.strong} if own.strong else own.usual
        found = sorted(self._fitting(element), key=lambda rule: rule.weight)
        style: dict[str, str] = {}
        for each in found:
            style |= each.style.usual
        style |= own.usual
        for each in found:
            style |= each.style.strong
        style |= own.strong
        return style

    def _fitting(self, element: Element) -> Iterator[_Rule]:
        keys = (
            element.tag,
            "*",
            *(f".{name}" for name in element.classes),
            *([f"#{element.id}"] if element.id else ()),
        )
        for key in keys:
            for rule in self._rules.get(key, {}).values():
                self._look()
                if rule.steps[0][1].fits(element) and self._stands(element, rule.steps, 1):
                    yield rule

    def _stands(self, element: Element, steps: tuple[tuple[str, _Compound], ...], at: int) -> bool:
        """Whether what is around the element is what the rest of the selector wants."""
        if at == len(steps):
            return True
        how, wanted = steps[at]
        near: Iterator[Element] | list[Element]
        if how in {"+", "~"}:
            near = _before(element, 1 if how == "+" else _MOST_BEFORE)
        else:
            near = _above(element) if how == " " else [element.parent] if element.parent else []
        for other in near:
            self._look()
            if wanted.fits(other) and self._stands(other, steps, at + 1):
                return True
        return False

    def _look(self) -> None:
        self._looks += 1
        if self._looks > _MOST_LOOKS:
            raise Spent


def _before(element: Element, most: int) -> list[Element]:
    """Those before it under the same parent, the nearest first."""
    if element.parent is None:
        return []
    return element.parent.children[max(element.place - most, 0) : element.place][::-1]


def _above(element: Element) -> Iterator[Element]:
    parent = element.parent
    while parent is not None:
        yield parent
        parent = parent.parent


def _steps(selector: str) -> tuple[tuple[str, _Compound], ...]:
    """A selector from its right end; () for one that we do not know."""
    if len(selector) > 300:
        return ()
    words = _STEPS.split(selector)
    found: list[tuple[str, _Compound]] = []
    for at in range(len(words) - 1, -1, -2):
        compound = _compound(words[at])
        if compound is None:
            return ()
        found.append(((words[at + 1] or " ") if at + 1 < len(words) else "", compound))
    return tuple(found)


def _compound(text: str) -> _Compound | None:
    found = _COMPOUND.fullmatch(text)
    if found is None or not text:
        return None
    bits = _BIT.findall(found[2])
    attributes = [_ATTRIBUTE.fullmatch(bit) for bit in bits if bit[0] == "["]
    if not all(attributes):
        return None
    tag = (found[1] or "").lower()
    return _Compound(
        "" if tag == "*" else tag,
        next((bit[1:] for bit in bits if bit[0] == "#"), ""),
        frozenset(bit[1:] for bit in bits if bit[0] == "."),
        tuple((each[1].lower(), each[2] or ("=" if each[3] is not None else ""), each[3] or "")
              for each in attributes if each),
    )  # fmt: skip


def _has(element: Element, name: str, how: str, wanted: str) -> bool:
    if name not in element.attributes:
        return False
    value = element.attributes[name] or ""
    if how in {"^", "$", "*"} and not wanted:
        return False
    return {
        "": True,
        "=": value == wanted,
        "~": wanted in value.split(),
        "^": value.startswith(wanted),
        "$": value.endswith(wanted),
        "*": wanted in value,
        "|": value == wanted or value.startswith(f"{wanted}-"),
    }[how]


def _weight(steps: tuple[tuple[str, _Compound], ...]) -> tuple[int, int, int]:
    """How much a selector counts (selectors-4 §17): ids, classes and attributes, tags."""
    every = [compound for _, compound in steps]
    return (
        sum(bool(each.id) for each in every),
        sum(len(each.classes) + len(each.attributes) for each in every),
        sum(bool(each.tag) for each in every),
    )


def _holds(rule: Any) -> bool:
    """Whether what stands in that @ rule holds on a screen that somebody reads mail on."""
    name, said = rule.lower_at_keyword, tinycss2.serialize(rule.prelude).strip().lower()
    if name in {"layer", "supports"}:
        return not said.startswith("not")
    return name == "media" and any(_wide(one.strip()) for one in said[:500].split(","))


def _wide(query: str) -> bool:
    if _MEDIA.fullmatch(query) is None:
        return False
    widths = _WIDTHS.findall(query)
    return all(int(px) <= _WIDTH if end == "min" else int(px) >= _WIDTH for end, px in widths)
