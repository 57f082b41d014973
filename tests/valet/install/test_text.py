"""One entry in a text of JSON: what is not ours keeps every byte, in odd files and made-up ones."""

from __future__ import annotations

import json
import re
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from valet.install.jsonc import Broken, parse
from valet.install.text import NotEdited, Taken, drop, put

ENTRY = {"type": "http", "url": "https://valet.example/mcp"}
OTHER = {"command": "npx", "args": ["-y", "other"]}


def ours(value: object) -> bool:
    return value == ENTRY


def added(text: str, *, comments: bool = True) -> str:
    return put(text, "servers", "valet", ENTRY, comments=comments)


def removed(text: str, *, comments: bool = True) -> str:
    return drop(text, "servers", "valet", ours, comments=comments)


ODD = {
    "nothing": "",
    "blanks": " \n",
    "empty": "{}",
    "empty lines": "{\n}\n",
    "empty with a comment": "{ // mine\n}\n",
    "other settings": '{\n  "inputs": []\n}\n',
    "a section": '{"servers": {}}',
    "a section in lines": '{\n\t"servers": {\n\t}\n}',
    "one more": '{\n    "servers": {\n        "a": {"command": "x"}\n    }\n}\n',
    "in one line": '{"servers": {"a": {"command": "x"}}, "z": 1}',
    "comments": '{\n  // first\n  "servers": {\n    "a": 1 // ofa\n    /* last */\n  } // end\n}\n// after\n',
    "a comma at the end": '{\n  "servers": {\n    "a": 1, // why\n  },\n}\n',
    "a comma at the end of one line": '{"servers": {"a": 1,},}',
    "windows": '{\r\n  "servers": {\r\n    "a": 1\r\n  }\r\n}\r\n',
    "slashes in a text": '{"servers": {"a": "http://x/*y*/ //"}}',
    "a comment behind the last": '{"servers": {"a": 1 // c\n}}',
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_it_is_put_in_and_taken_out_again(text: str) -> None:
    once = added(text)
    node = parse(once, comments=True)
    assert isinstance(node.plain, dict) and node.plain["servers"]["valet"] == ENTRY
    assert added(once) == once, "it is there already"
    before = parse(text, comments=True).plain if text.strip() else {}
    after = parse(removed(once), comments=True).plain
    assert isinstance(before, dict)
    assert after == {**before, "servers": before.get("servers", {})}
    for comment in re.findall(r"// \w+|/\* \w+ \*/", text):
        assert comment in once and comment in removed(once)


@pytest.mark.parametrize("name", [name for name, text in ODD.items() if '"a":' in text])
def test_beside_others_nothing_is_left_of_it(name: str) -> None:
    """A blank at most, and no comma is missing that somebody had after their last entry."""
    text = ODD[name]
    assert re.sub(r"[ \t]", "", removed(added(text))) == re.sub(r"[ \t]", "", text)


def test_what_it_looks_like_among_others() -> None:
    text = '{\n  "servers": {\n    "a": {"command": "x"} // of a\n  }\n}\n'
    assert added(text) == (
        '{\n  "servers": {\n    "a": {"command": "x"}, // of a\n    "valet": {\n      "type": "http",\n'
        '      "url": "https://valet.example/mcp"\n    }\n  }\n}\n'
    )
    assert removed(added(text)) == text


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "1", '{"servers": []}', '{"servers": 1}', '{"a": 1 "b": 2}', "{'a': 1}", '{"a": 01}',
     '{"servers": {}, "servers": {}}', '{"servers": {"valet": 1, "valet": 2}}', '{"a": NaN}', "{} {}",
     '{"a": "\n"}', "[" * 5000],
    ids=range(14),
)  # fmt: skip
def test_what_can_not_be_read_for_sure_is_refused(text: str) -> None:
    with pytest.raises(NotEdited):
        added(text)
    with suppress(NotEdited):
        assert removed(text) == text


@pytest.mark.parametrize("text", ["{} // x", '{"a": 1,}', "{/* x */}"], ids=["line", "comma", "block"])
def test_comments_are_an_error_where_the_program_reads_none(text: str) -> None:
    with pytest.raises(NotEdited, match="line 1"):
        added(text, comments=False)
    added(text)


def test_anothers_entry_of_that_name_stays_unless_one_says_so() -> None:
    text = json.dumps({"servers": {"valet": OTHER, "b": 1}}, indent=2)
    with pytest.raises(Taken):
        added(text)
    with pytest.raises(Taken):
        removed(text)
    changed = put(text, "servers", "valet", ENTRY, comments=False, replace=True)
    assert json.loads(changed) == {"servers": {"valet": ENTRY, "b": 1}}


names = st.text(st.characters(codec="utf-8"), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
servers = st.dictionaries(names.filter(lambda name: name != "valet"), values, max_size=4)
documents = st.builds(
    lambda more, inner: {**more, **({} if inner is None else {"servers": inner})},
    st.dictionaries(names.filter(lambda name: name != "servers"), values, max_size=4),
    st.none() | servers,
)


@settings(max_examples=150, deadline=None)
@given(documents, st.sampled_from([None, 2, "\t", 0]), st.sampled_from(["\n", "\r\n"]))
def test_whatever_else_is_in_a_file_stays(
    document: dict[str, object], indent: int | str | None, new: str
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=False).replace("\n", new)
    once = added(text, comments=False)
    inner = document.get("servers", {})
    assert isinstance(inner, dict)
    assert json.loads(once) == {**document, "servers": {**inner, "valet": ENTRY}}
    assert list(json.loads(once)["servers"]) == [*inner, "valet"]
    assert added(once, comments=False) == once
    assert json.loads(removed(once, comments=False)) == {**document, "servers": inner}


space = st.sampled_from(["", " ", "\n", "\n\n  ", " // note\n", " /* keep */ ", "\t", "\r\n", "// a\n// b\n"])


@settings(max_examples=150, deadline=None)
@given(st.data(), servers)
def test_no_comment_is_lost_wherever_it_stands(data: st.DataObject, inner: dict[str, object]) -> None:
    def gap() -> str:
        return data.draw(space)

    members = [
        f"{gap()}{json.dumps(name)}{gap()}:{gap()}{json.dumps(value)}{gap()}" for name, value in inner.items()
    ]
    comma = data.draw(st.sampled_from(["", ","])) if members else ""
    text = f'{gap()}{{{gap()}"servers":{gap()}{{{",".join(members)}{comma}{gap()}}}{gap()}}}{gap()}'
    once = added(text)
    again = removed(once)
    for each in (once, again):
        for kind in ("// note", "/* keep */", "// a", "// b"):
            assert each.count(kind) == text.count(kind), (text, each)
    plain = parse(again, comments=True).plain
    assert plain == {"servers": inner}


def test_the_line_of_a_fault_is_told() -> None:
    with pytest.raises(Broken) as told:
        parse('{\n  "a": 1,\n  b: 2\n}', comments=True)
    assert told.value.line == 3
