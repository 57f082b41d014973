"""What Drive asks of spreadsheets: a blank one, and what is taken in and given out."""

from __future__ import annotations

import csv
import io
from typing import Any

from providers.emulator.google.drive.model import SHEET
from providers.emulator.google.drive.office import pdf, xlsx
from providers.emulator.google.drive.paper import Paper
from providers.emulator.google.sheets import exchange, model

Json = dict[str, Any]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _tabs(body: Json) -> bytes:
    rows = csv.reader(io.StringIO(exchange.to_csv(body)))
    return "\r\n".join("\t".join(row) for row in rows).encode()


def _workbook(body: Json) -> bytes:
    return xlsx({sheet["title"]: exchange.rows(sheet) for sheet in body["sheets"]})


PAPER = Paper(
    kind=SHEET,
    blank=model.book,
    imports={
        "text/csv": lambda content: exchange.from_csv(content.decode("utf-8-sig")),
        "text/tab-separated-values": lambda content: exchange.from_csv(content.decode("utf-8-sig"), "\t"),
    },
    exports={
        "application/pdf": lambda body: pdf(exchange.to_csv(body).splitlines()),
        "text/csv": lambda body: exchange.to_csv(body).encode(),
        "text/tab-separated-values": _tabs,
        XLSX: _workbook,
    },
    words=exchange.to_csv,
)
