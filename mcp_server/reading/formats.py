"""Files as text, one function per kind. They run in the child process alone (`child.py`)."""

from __future__ import annotations

import csv
import email
import email.policy
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from xml.etree import ElementTree

import mammoth
from pypdf import PdfReader
from pypdf.errors import PyPdfError
from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from mcp_server.reading.html import pieces, readable
from mcp_server.reading.mail import mail_text

MOST = 2_000_000
"""Characters of one file that are read at all."""

_MOST_UNPACKED = 64_000_000
_MOST_FILES = 5_000
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_SLIDE = re.compile(r"ppt/slides/slide(\d+)\.xml")
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_ODF = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"


class Unreadable(Exception):
    """Why a file gives no text: `password`, `damaged`, `too_large`."""


def text_of(body: bytes, kind: str) -> str:
    """The text of a file of that kind (`kinds.kind_of`). Raises Unreadable."""
    if kind in {"docx", "pptx", "odf", "sheet"} and body[:2] == b"PK":
        _require_small(body)
    parts: list[str] = []
    length = 0
    for part in _READERS[kind](body):
        parts.append(part)
        length += len(part)
        if length > MOST:
            break
    return "".join(parts)[:MOST]


def _require_small(body: bytes) -> None:
    """Raise Unreadable for a package that unpacks to more than anybody reads, whatever its headers say."""
    unpacked = 0
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as package:
            if len(package.infolist()) > _MOST_FILES:
                raise Unreadable("too_large")
            for each in package.infolist():
                with package.open(each) as file:
                    while chunk := file.read(1 << 20):
                        unpacked += len(chunk)
                        if unpacked > _MOST_UNPACKED:
                            raise Unreadable("too_large")
    except RuntimeError:  # zipfile's word for an encrypted member
        raise Unreadable("password") from None
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, ValueError):
        raise Unreadable("damaged") from None


def _pdf(body: bytes) -> Iterator[str]:
    try:
        document = PdfReader(io.BytesIO(body))
        if document.is_encrypted and not document.decrypt(""):
            raise Unreadable("password")
        for number, page in enumerate(document.pages, 1):
            words = page.extract_text().strip()
            if words:
                yield f"[page {number}]\n{words}\n\n"
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, AssertionError):
        raise Unreadable("damaged") from None


def _docx(body: bytes) -> Iterator[str]:
    try:
        # No picture is taken over: they would come as data URIs.
        converted = mammoth.convert_to_html(
            io.BytesIO(_without_hidden(body)), convert_image=mammoth.images.img_element(_no_picture)
        )
    except (KeyError, ValueError, OSError, ElementTree.ParseError, AttributeError):
        raise Unreadable("damaged") from None
    yield readable(converted.value, MOST, ours=True)


def _without_hidden(body: bytes) -> bytes:
    """The package without runs that Word hides (ECMA-376 part 1, 17.3.2.41 `vanish`), where there are any."""
    with zipfile.ZipFile(io.BytesIO(body)) as package:
        parts = [(each.filename, package.read(each)) for each in package.infolist()]
    if not any(b"vanish" in part for _, part in parts):
        return body
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as package:
        for name, part in parts:
            hides = name.endswith(".xml") and b"vanish" in part
            package.writestr(name, _shown(_xml(part)) if hides else part)
    return kept.getvalue()


def _shown(root: ElementTree.Element) -> bytes:
    for parent in list(root.iter()):
        for run in parent.findall(f"{_W}r"):
            sign = run.find(f"{_W}rPr/{_W}vanish")
            if sign is not None and sign.get(f"{_W}val") not in {"0", "false", "off"}:
                parent.remove(run)
    return ElementTree.tostring(root)


def _no_picture(image: object) -> dict[str, str]:
    return {"src": ""}


def _pptx(body: bytes) -> Iterator[str]:
    with zipfile.ZipFile(io.BytesIO(body)) as package:
        slides = sorted(int(found[1]) for name in package.namelist() if (found := _SLIDE.fullmatch(name)))
        for number in slides:
            root = _xml(package.read(f"ppt/slides/slide{number}.xml"))
            lines = ["".join(run.text or "" for run in each.iter(f"{_A}t")) for each in root.iter(f"{_A}p")]
            yield f"[slide {number}]\n" + "\n".join(line for line in lines if line.strip()) + "\n\n"


def _odf(body: bytes) -> Iterator[str]:
    with zipfile.ZipFile(io.BytesIO(body)) as package:
        if "content.xml" not in package.namelist():
            raise Unreadable("damaged")
        root = _xml(package.read("content.xml"))
    for each in root.iter():
        if each.tag in {f"{_ODF}p", f"{_ODF}h"}:
            yield "".join(each.itertext()) + "\n"


def _xml(text: bytes) -> ElementTree.Element:
    """An XML document. A document type is refused: with it come entities, and nothing here needs one."""
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise Unreadable("damaged")
    try:
        return ElementTree.fromstring(text)  # noqa: S314 - no document type, hence no entities
    except ElementTree.ParseError:
        raise Unreadable("damaged") from None


def _sheet(body: bytes) -> Iterator[str]:
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(body))
        for name in book.sheet_names:
            yield f"[sheet {name}]\n"
            lines = io.StringIO()
            writer = csv.writer(lines, lineterminator="\n")
            for row in book.get_sheet_by_name(name).iter_rows():
                writer.writerow(row)
                if lines.tell() > MOST:
                    break
            yield lines.getvalue() + "\n"
    except PasswordError:
        raise Unreadable("password") from None
    except (CalamineError, ValueError, OSError):
        raise Unreadable("damaged") from None


def _html(body: bytes) -> Iterator[str]:
    text = _decoded(body)
    read = readable(text, MOST)
    if not read and pieces(text).cut:
        raise Unreadable("too_large")
    yield read


def _mail(body: bytes) -> Iterator[str]:
    message = email.message_from_bytes(body, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    for name in ("From", "To", "Cc", "Date", "Subject"):
        if message[name]:
            yield f"{name}: {' '.join(str(message[name]).split())}\n"
    words = {}
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        try:
            words[kind] = str(part.get_content()) if part is not None else None
        except (LookupError, ValueError, AttributeError):
            words[kind] = None
    read = mail_text(words["html"], words["plain"], MOST)
    yield "\n" + read.own + (f"\n\n[quoted]\n{read.quoted}" if read.quoted else "")


def _text(body: bytes) -> Iterator[str]:
    yield _decoded(body).replace("\r\n", "\n")


def _decoded(body: bytes) -> str:
    """Bytes as text: by their mark, else UTF-8, else what Windows writes."""
    for mark, charset in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if body.startswith(mark):
            return body.decode(charset, "replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


_READERS: dict[str, Callable[[bytes], Iterator[str]]] = {
    "pdf": _pdf,
    "docx": _docx,
    "pptx": _pptx,
    "odf": _odf,
    "sheet": _sheet,
    "html": _html,
    "mail": _mail,
    "text": _text,
}
