"""Files as text, in a process with limits: each kind, and what attackers put into one."""

from __future__ import annotations

import asyncio

import pytest

from mcp_server.reading.reader import MOST_BYTES, Extracted, Reader
from tests.mcp_server.reading import samples

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


async def read(body: bytes, kind: str = "", name: str = "", most: int = 10_000, offset: int = 0) -> Extracted:
    return await Reader().text(body, kind, name, most, offset)


def hidden(sign: str, words: str) -> str:
    """A paragraph of Word's whose run has that property."""
    return f"<w:p><w:r><w:rPr>{sign}</w:rPr><w:t>{words}</w:t></w:r></w:p>"


@pytest.mark.parametrize(
    ("body", "kind", "name", "read_as", "words"),
    [
        pytest.param(samples.pdf("Invoice 4711", "Page two"), "application/pdf", "", "pdf",
                     "[page 1]\nInvoice 4711\n\n[page 2]\nPage two\n\n", id="pdf"),
        pytest.param(samples.docx("Dear Ana,", "it is done."), "", "a.docx", "docx",
                     "Dear Ana,\n\nit is done.", id="docx"),
        pytest.param(samples.docx("see", hidden("<w:vanish/>", "no"), hidden('<w:vanish w:val="0"/>', "it")),
                     "", "a.docx", "docx", "see\n\nit", id="hidden in a docx"),
        pytest.param(samples.xlsx("Cash", [["a", "b,c"], ["1", "2"]]), XLSX, "", "sheet",
                     '[sheet Cash]\na,"b,c"\n1,2\n\n', id="xlsx"),
        pytest.param(samples.pptx("Title", "More"), "", "", "pptx", "[slide 1]\nTitle\n\n[slide 2]\nMore\n\n",
                     id="pptx"),
        pytest.param(samples.odt("Olá", "Ana"), "", "", "odf", "Olá\nAna\n", id="odt"),
        pytest.param(b"<p>Hi<p hidden>no", "text/html", "", "html", "Hi", id="html"),
        pytest.param("né\u200bé".encode("cp1252", "ignore"), "text/plain", "", "text", "néé", id="latin"),
        pytest.param(b"a\r\nb\r\n", "text/plain", "", "text", "a\nb\n", id="lines of windows"),
        pytest.param("a,b\n".encode("utf-16"), "text/csv", "", "text", "a,b\n", id="utf16"),
        pytest.param(b"From: a@b\nSubject: =?utf-8?B?SGk=?=\n\nHello\n> old\n", "message/rfc822", "", "mail",
                     "From: a@b\nSubject: Hi\n\nHello\n\n[quoted]\nold", id="mail"),
    ],
)  # fmt: skip
async def test_each_kind(body: bytes, kind: str, name: str, read_as: str, words: str) -> None:
    found = await read(body, kind, name)
    assert (found.trouble, found.kind, found.text, found.total) == (None, read_as, words, len(words))
    assert not found.cut
    assert "Ana" not in repr(found)


async def test_a_part_says_how_much_there_is() -> None:
    found = await read(b"0123456789", "text/plain", most=4, offset=3)
    assert (found.text, found.total, found.cut) == ("3456", 10, True)


@pytest.mark.parametrize(
    ("body", "kind", "name", "trouble"),
    [
        pytest.param(b"\x89PNG\r\n\x1a\n\x00\x00\x00\x00", "image/png", "a.png", "unsupported", id="picture"),
        pytest.param(b"\x00" * 500, "text/plain", "a.txt", "unsupported", id="binary called text"),
        pytest.param(b"<b>" * 25 + b"seen", "text/html", "", "too_large", id="html beyond its bounds"),
        pytest.param(b"MZ\x90", "application/octet-stream", "a.exe", "unsupported", id="program"),
        pytest.param(samples.pdf("x", encrypted=True), "application/pdf", "", "password", id="locked"),
        pytest.param(b"%PDF-1.4\nnothing", "application/pdf", "", "damaged", id="no pdf"),
        pytest.param(samples.docx("x")[:-40], "", "a.docx", "unsupported", id="half a docx"),
        pytest.param(samples.package({"word/document.xml": b"<"}), "", "", "damaged", id="no docx"),
        pytest.param(samples.package({"word/document.xml": b"0" * 70_000_000}), "", "",
                     "too_large", id="zip bomb"),
        pytest.param(samples.package({f"{n}": "" for n in range(5001)} | {"xl/workbook.xml": ""}), "", "",
                     "too_large", id="many files"),
        pytest.param(samples.package({"mimetype": "application/vnd.oasis.opendocument.text",
                                      "content.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}),
                     "", "", "damaged", id="entities"),
        pytest.param(samples.bomb_pdf(2_000_000_000), "application/pdf", "", None, id="pdf bomb"),
        pytest.param(b"x" * (MOST_BYTES + 1), "text/plain", "", "too_large", id="large"),
    ],
)  # fmt: skip
async def test_what_gives_no_text_says_why(body: bytes, kind: str, name: str, trouble: str | None) -> None:
    found = await read(body, kind, name)
    assert found.text == ""
    assert found.trouble == trouble if trouble else found.trouble in {"damaged", "too_large"}


async def test_a_parser_that_does_not_end_is_ended() -> None:
    slow = Reader(deadline=0.01)
    assert (await slow.text(b"x", "text/plain", "", 10)).trouble == "too_large"


async def test_the_child_has_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is started with an empty environment, in isolated mode, and none is left afterwards."""
    seen: dict[str, object] = {}
    start = asyncio.create_subprocess_exec
    children: list[asyncio.subprocess.Process] = []

    async def started(*line: str, **how: object) -> asyncio.subprocess.Process:
        seen.update(how, line=line)
        children.append(await start(*line, **how))  # type: ignore[arg-type]
        return children[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", started)
    monkeypatch.setenv("VALET_CANARY", "canary")
    assert (await read(b"hello", "text/plain")).text == "hello"
    assert seen["env"] == {}
    assert "-I" in seen["line"]  # type: ignore[operator]
    assert [child.returncode for child in children] == [0]


async def test_only_a_few_at_once() -> None:
    reader = Reader(at_once=1)
    found = await asyncio.gather(*(reader.text(b"a", "text/plain", "", 5) for _ in range(3)))
    assert [each.text for each in found] == ["a"] * 3
