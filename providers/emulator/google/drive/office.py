"""Files as an office makes them, from text: the least that is a PDF, a .docx, a .xlsx or a .png."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
_DOC = "http://schemas.openxmlformats.org/officeDocument/2006"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_CELLS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_KIND = "application/vnd.openxmlformats-officedocument"


def pdf(lines: Sequence[str]) -> bytes:
    """A PDF of one page, a line of text beneath the other (ISO 32000-1 §7.5). Only Latin letters show."""
    shown = b" T*\n".join(b"(" + _literal(line) + b") Tj" for line in lines)
    stream = b"BT /F1 12 Tf 14 TL 72 760 Td\n" + shown + b"\nET"
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    )
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start
    return bytes(out)


def _literal(line: str) -> bytes:
    raw = line.encode("cp1252", "replace")
    return raw.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def docx(lines: Sequence[str]) -> bytes:
    """A .docx with a paragraph for each line (ECMA-376 part 1)."""
    paragraphs = "".join(
        f'<w:p><w:r><w:t xml:space="preserve">{escape(line)}</w:t></w:r></w:p>' for line in lines
    )
    document = f'{_HEAD}<w:document xmlns:w="{_WORD}"><w:body>{paragraphs}</w:body></w:document>'
    return _package(
        {"word/document.xml": document},
        {"word/document.xml": f"{_KIND}.wordprocessingml.document.main+xml"},
        "word/document.xml",
    )


def xlsx(sheets: Mapping[str, Sequence[Sequence[str]]]) -> bytes:
    """A .xlsx with text in cells, by name of sheet (ECMA-376 part 1)."""
    names = "".join(
        f'<sheet name="{escape(name, {chr(34): "&quot;"})}" sheetId="{number}" r:id="rId{number}"/>'
        for number, name in enumerate(sheets, 1)
    )
    named = f'xmlns="{_CELLS}" xmlns:r="{_DOC}/relationships"'
    book = f"{_HEAD}<workbook {named}><sheets>{names}</sheets></workbook>"
    parts = {"xl/workbook.xml": book}
    types = {"xl/workbook.xml": f"{_KIND}.spreadsheetml.sheet.main+xml"}
    links = ""
    for number, rows in enumerate(sheets.values(), 1):
        part = f"xl/worksheets/sheet{number}.xml"
        cells = "".join(f"<row>{''.join(map(_cell, row))}</row>" for row in rows)
        parts[part] = f'{_HEAD}<worksheet xmlns="{_CELLS}"><sheetData>{cells}</sheetData></worksheet>'
        types[part] = f"{_KIND}.spreadsheetml.worksheet+xml"
        links += _link(number, "worksheet", f"worksheets/sheet{number}.xml")
    parts["xl/_rels/workbook.xml.rels"] = f'{_HEAD}<Relationships xmlns="{_RELS}">{links}</Relationships>'
    return _package(parts, types, "xl/workbook.xml")


def _cell(text: str) -> str:
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'


def _link(number: int, kind: str, target: str) -> str:
    return f'<Relationship Id="rId{number}" Type="{_DOC}/relationships/{kind}" Target="{target}"/>'


def _package(parts: Mapping[str, str], types: Mapping[str, str], main: str) -> bytes:
    """A package with its list of types and the relationship to its main part (ECMA-376 part 2)."""
    overrides = "".join(
        f'<Override PartName="/{name}" ContentType="{kind}"/>' for name, kind in types.items()
    )
    listed = (
        f'{_HEAD}<Types xmlns="{_TYPES}">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>'
    )
    root = f'{_HEAD}<Relationships xmlns="{_RELS}">{_link(1, "officeDocument", main)}</Relationships>'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in {"[Content_Types].xml": listed, "_rels/.rels": root, **parts}.items():
            package.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text)
    return out.getvalue()


def png(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    """A .png of one colour (ISO/IEC 15948)."""
    rows = (b"\0" + bytes(colour) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
