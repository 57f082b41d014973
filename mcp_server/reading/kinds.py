"""What a file is: by its first bytes, then by what it is said to be, then by its name."""

from __future__ import annotations

import io
import zipfile

_TEXT = {
    "text/plain": "text",
    "text/markdown": "text",
    "text/x-markdown": "text",
    "text/csv": "text",
    "text/tab-separated-values": "text",
    "text/calendar": "text",
    "text/vcard": "text",
    "text/x-vcard": "text",
    "text/xml": "text",
    "application/json": "text",
    "application/xml": "text",
    "application/x-yaml": "text",
    "application/javascript": "text",
    "text/html": "html",
    "application/xhtml+xml": "html",
    "message/rfc822": "mail",
}
_ENDINGS = {
    **dict.fromkeys(
        ("txt", "md", "csv", "tsv", "json", "xml", "ics", "vcf", "yaml", "yml", "log", "ini", "toml"), "text"
    ),
    **dict.fromkeys(
        ("py", "js", "ts", "java", "c", "h", "cpp", "go", "rs", "sh", "sql", "css", "tex", "srt"), "text"
    ),
    **dict.fromkeys(("html", "htm"), "html"),
    "eml": "mail",
}
# ECMA-376 part 2 and OpenDocument 1.3 part 2: the part that makes a package a document of its kind.
_PARTS = {
    "word/document.xml": "docx",
    "xl/workbook.xml": "sheet",
    "xl/workbook.bin": "sheet",
    "ppt/presentation.xml": "pptx",
}
_OPEN = {
    "application/vnd.oasis.opendocument.text": "odf",
    "application/vnd.oasis.opendocument.presentation": "odf",
    "application/vnd.oasis.opendocument.spreadsheet": "sheet",
}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def kind_of(body: bytes, declared: str, name: str) -> str | None:
    """`pdf`, `docx`, `pptx`, `odf`, `sheet`, `html`, `mail`, `text`; None: nothing that has text to read."""
    if b"%PDF-" in body[:1024]:
        return "pdf"
    if body[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
        return _package(body)
    ending = name.rpartition(".")[2].lower()
    if body.startswith(_OLE):
        return "sheet" if ending in {"xls", "xla"} or "excel" in declared else None
    said = _TEXT.get(declared.partition(";")[0].strip().lower()) or _ENDINGS.get(ending)
    if said is None and not declared.startswith("text/"):
        return None
    return None if _binary(body) else said or "text"


def _package(body: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as package:
            names = set(package.namelist()[:10_000])
            if "mimetype" in names and package.getinfo("mimetype").file_size < 200:
                return _OPEN.get(package.read("mimetype").decode("ascii", "replace"))
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError):
        return None
    return next((kind for part, kind in _PARTS.items() if part in names), None)


def _binary(body: bytes) -> bool:
    """Whether bytes are no text in any of the usual charsets: many zero bytes, and no mark of UTF-16."""
    head = body[:4096]
    return head.count(0) > len(head) // 100 and not head.startswith((b"\xff\xfe", b"\xfe\xff"))
