"""One entry in a text of JSON: put in or taken out, and every other byte left as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from valet.install.jsonc import Broken, Member, Node, parse

Entry = Mapping[str, object]
Ours = Callable[[object], bool]

_REST_OF_LINE = re.compile(r"[ \t]*(?:/\*[^\r\n]*?\*/[ \t]*)*(?://[^\r\n]*)?(?=\r|\n|$)")


class NotEdited(Exception):
    """The text stays as it is; the words say why."""


class Taken(NotEdited):
    """There is an entry of that name which is not what is to be put there."""


def put(text: str, section: str, name: str, entry: Entry, *, comments: bool, replace: bool = False) -> str:
    """The text with that entry in that section; the same text where it is there already. Raises NotEdited."""
    new = "\r\n" if "\r\n" in text else "\n"
    if not text.strip():
        return json.dumps({section: {name: entry}}, indent=2).replace("\n", new) + new
    root = _root(text, comments)
    found = _one(root, section)
    if found is None:
        return _checked(_add(text, root, section, {name: entry}, new), text, section, name, comments)
    if found.value.members is None:
        raise NotEdited(f"{section} in it is no list of servers")
    there = _one(found.value, name)
    if there is None:
        return _checked(_add(text, found.value, name, entry, new), text, section, name, comments)
    if there.value.plain == entry:
        return text
    if not replace:
        raise Taken(f"another server is called {name} there")
    indent = _indent_of(text, there.start)
    shown = _shown(entry, indent, _unit(text), new) if new in text else json.dumps(entry)
    changed = text[: there.value.start] + shown + text[there.value.end :]
    return _checked(changed, text, section, name, comments)


def drop(text: str, section: str, name: str, ours: Ours, *, comments: bool) -> str:
    """The text without that entry; the same text where there is none. Raises NotEdited, Taken if not ours."""
    if not text.strip():
        return text
    found = _one(_root(text, comments), section)
    there = _one(found.value, name) if found is not None else None
    if found is None or there is None:
        return text
    if not ours(there.value.plain):
        raise Taken(f"the server that is called {name} there is not this one's entry")
    return _checked(_without(text, found.value, there), text, section, name, comments)


def _root(text: str, comments: bool) -> Node:
    try:
        root = parse(text, comments=comments)
    except Broken as error:
        what = "JSON with comments" if comments else "JSON"
        raise NotEdited(f"it is not {what}: see line {error.line}") from None
    if root.members is None:
        raise NotEdited("it holds no object")
    return root


def _one(node: Node, name: str) -> Member | None:
    found = node.find(name)
    if len(found) > 1:
        raise NotEdited(f"{name} stands in it twice")
    return found[0] if found else None


def _add(text: str, parent: Node, name: str, value: object, new: str) -> str:
    """A member more, behind the last one."""
    assert parent.members is not None
    outer = _indent_of(text, parent.start)
    if not parent.members:
        unit = _unit(text)
        inner = f"{outer}{unit}"
        shown = f"{new}{inner}{json.dumps(name)}: {_shown(value, inner, unit, new)}"
        rest = text[parent.start + 1 :]
        # What stands in it, a comment perhaps, stays behind the new one, on a line of its own.
        tail = "" if rest.lstrip(" \t").startswith(("\r", "\n")) else f"{new}{outer}"
        return text[: parent.start + 1] + shown + tail + (rest if not tail else rest.lstrip(" \t"))
    first, last = parent.members[0], parent.members[-1]
    end = last.value.end if last.comma is None else last.comma + 1
    # Who writes a comma after the last one finds one there again, now and once ours is taken out.
    comma, after = (",", "") if last.comma is None else ("", ",")
    if "\n" not in text[parent.start : first.start]:
        return f"{text[:end]}{comma} {json.dumps(name)}: {json.dumps(value)}{after}{text[end:]}"
    inner = _indent_of(text, first.start)
    unit = inner.removeprefix(outer) or _unit(text)
    found = _REST_OF_LINE.match(text, end)
    place = found.end() if found else end
    shown = f"{new}{inner}{json.dumps(name)}: {_shown(value, inner, unit, new)}"
    return text[:end] + comma + text[end:place] + shown + after + text[place:]


def _without(text: str, parent: Node, member: Member) -> str:
    assert parent.members is not None
    end = member.value.end if member.comma is None else member.comma + 1
    start = member.start
    line = text.rfind("\n", 0, start) + 1
    rest = re.compile(r"[ \t]*(\r?\n)?").match(text, end)
    if not text[line:start].strip() and rest is not None and rest[1]:
        start, end = line, rest.end()  # lines of its own: they go whole
    elif rest is not None and member.comma is not None:
        end = rest.end() - len(rest[1] or "")
    index = parent.members.index(member)
    before = parent.members[index - 1] if index else None
    if member.comma is None and before is not None and before.comma is not None:
        return text[: before.comma] + text[before.comma + 1 : start] + text[end:]
    return text[:start] + text[end:]


def _checked(changed: str, text: str, section: str, name: str, comments: bool) -> str:
    """The change, if it is that one and no other: read again and compared."""
    after, before = _rest(changed, section, name, comments), _rest(text, section, name, comments)
    if after != before:
        raise NotEdited("it can't be changed without changing something else in it")
    return changed


def _rest(text: str, section: str, name: str, comments: bool) -> object:
    """Everything but that entry."""
    plain = _root(text, comments).plain
    assert isinstance(plain, dict)
    servers = plain.get(section)
    kept = {key: value for key, value in servers.items() if key != name} if isinstance(servers, dict) else {}
    return {**plain, section: kept}, list(kept), [key for key in plain if key != section]


def _shown(value: object, indent: str, unit: str, new: str) -> str:
    lines = json.dumps(value, indent=unit).split("\n")
    return new.join([lines[0], *(f"{indent}{line}" for line in lines[1:])])


def _indent_of(text: str, at: int) -> str:
    """The blanks that the line of that place begins with."""
    line = text.rfind("\n", 0, at) + 1
    found = re.compile(r"[ \t]*").match(text, line)
    return found[0] if found else ""


def _unit(text: str) -> str:
    """What a step of indentation is here."""
    found = re.search(r"\n([ \t]+)\S", text)
    return ("\t" if found[1].startswith("\t") else found[1][:8]) if found else "  "
