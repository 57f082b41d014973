"""One cell: what an input becomes, and how its value is shown."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

from providers.emulator.google.sheets.a1 import bad
from providers.emulator.google.sheets.formulas import worked_out
from providers.emulator.google.sheets.model import LONGEST

Json = dict[str, Any]
EPOCH = date(1899, 12, 30)
DATE = {"type": "DATE", "pattern": "yyyy-mm-dd"}
TIMED = {"DATE", "DATE_TIME", "TIME"}


def entered(sheet: Json, value: Any, option: str, before: Json) -> Json:
    """The cell after an input; `before` keeps its format. An empty text empties it. Raises ApiError."""
    kept = {"n": before["n"]} if "n" in before else {}
    if isinstance(value, (list, dict)):
        kind = "list_value" if isinstance(value, list) else "struct_value"
        raise bad(f"Invalid values: {kind}")
    if value == "":
        return kept
    if isinstance(value, str):
        if len(value) > LONGEST:
            raise bad(f"Your input contains more than the maximum of {LONGEST} characters in a single cell.")
        return {**kept, **(_typed(sheet, value) if option == "USER_ENTERED" else {"v": value})}
    return {**kept, "v": value if isinstance(value, bool) else float(value)}


def _typed(sheet: Json, text: str) -> Json:
    """What text becomes that a person types."""
    if text.startswith("'"):
        return {"v": text[1:]}
    if text.startswith("=") and len(text) > 1:
        return {"f": text, "v": worked_out(sheet, text)}
    if text.upper() in {"TRUE", "FALSE"}:
        return {"v": text.upper() == "TRUE"}
    if re.fullmatch(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?%?", text):
        number = float(text.replace(",", "").rstrip("%"))
        return (
            {"v": number / 100, "n": {"type": "PERCENT", "pattern": "0%"}} if "%" in text else {"v": number}
        )
    day = _day(text)
    return {"v": text} if day is None else {"v": float((day - EPOCH).days), "n": DATE}


def _day(text: str) -> date | None:
    for form in ("%Y-%m-%d", "%d/%m/%Y"):
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007  a day has no zone
        except ValueError:
            continue
    return None


def shown(cell: Json, render: str, dates: str) -> Any:
    """A cell's value as `valueRenderOption` and `dateTimeRenderOption` have it."""
    value = cell.get("v", "")
    if render == "FORMULA":
        return cell.get("f", _number(value))
    timed = cell.get("n", {}).get("type") in TIMED
    if render == "UNFORMATTED_VALUE" and not (timed and dates == "FORMATTED_STRING"):
        return _number(value)
    return formatted(cell)


def formatted(cell: Json) -> str:
    """The text in the cell as a person sees it."""
    value, form = cell.get("v", ""), cell.get("n", {})
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, str):
        return value
    kind = form.get("type")
    if kind in TIMED:
        day = EPOCH + timedelta(days=int(value))
        minutes = round((value % 1) * 1440)
        pattern = str(form["pattern"]).replace("hh:mm", f"{minutes // 60:02}:{minutes % 60:02}")
        return pattern.replace("yyyy", f"{day.year:04}").replace("mm", f"{day.month:02}").replace(
            "dd", f"{day.day:02}"
        )  # fmt: skip
    if kind == "PERCENT":
        return f"{value * 100:.0f}%"
    if kind == "CURRENCY":
        return f"€{value:,.2f}"
    return str(_number(value))


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def extended(value: Any) -> Json:
    """ExtendedValue."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, (int, float)):
        return {"numberValue": value}
    if value in {"#NAME?", "#DIV/0!", "#REF!"}:
        kinds = {"#NAME?": "NAME", "#DIV/0!": "DIVIDE_BY_ZERO", "#REF!": "REF"}
        return {"errorValue": {"type": kinds[value], "message": value}}
    return {"stringValue": value}


def data(cell: Json) -> Json:
    """CellData."""
    row: Json = {}
    if "v" in cell:
        effective = extended(cell["v"])
        row["userEnteredValue"] = {"formulaValue": cell["f"]} if "f" in cell else (
            {"stringValue": cell["v"]} if isinstance(cell["v"], str) else effective
        )  # fmt: skip
        row |= {"effectiveValue": effective, "formattedValue": formatted(cell)}
    if "n" in cell:
        row["userEnteredFormat"] = {"numberFormat": cell["n"]}
    return row
