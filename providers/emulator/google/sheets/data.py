"""Spreadsheets that people of this world have in their Drives, by name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from providers.emulator.google.drive.model import SHEET, Permission, new_id, permission_of
from providers.emulator.google.drive.store import Drive
from providers.emulator.google.people import Person
from providers.emulator.google.sheets import model
from providers.emulator.google.sheets.exchange import fill

Json = dict[str, Any]
EURO = {"type": "CURRENCY", "pattern": "[$€]#,##0.00"}


def budget() -> Json:
    """Dates, money, a formula, a text that looks like one; a second sheet, a hidden one, a protected one."""
    year = fill(
        model.sheet(0, "Budget", 200, 8, frozen=[1, 0]),
        [
            ["Date", "What", "Amount", "Paid"],
            ["2026-11-02", "Rent", 850, True],
            ["2026-11-05", "Groceries 🥬", 132.5, True],
            ["2026-11-20", "Electricity", 64.25, False],
            ["", "Total", "=SUM(C2:C4)", ""],
        ],
    )
    for row in range(1, 5):
        year["cells"][model.at(row, 2)]["n"] = EURO
    fill(year, [["=1+2 is not a sum here"]], 6, 1, "RAW")
    trips = fill(
        model.sheet(17, "Trips & 'fun'", 100, 5),
        [["Where", "When"], ["Évora", "2026-12-04"], ["פורטו", "2027-01-15"]],
    )
    old = fill(model.sheet(23, "Archive", 50, 4, hidden=True), [["2025", 11000]])
    taxes = fill(model.sheet(31, "Taxes", 20, 4, protected=True), [["Rate", "23%"]])
    return model.book(
        year, trips, old, taxes, named=[{"id": "nr.1", "name": "Expenses", "sheet": 0, "area": [0, 0, 4, 4]}]
    )


def hours() -> Json:
    """A long list, and two tables on one sheet beside it."""
    book: Json = json.loads(_hours())
    return book


@cache
def _hours() -> str:
    rows: list[list[Any]] = [["Day", "Who", "Hours", "Note"]]
    rows += [
        [
            f"2026-{1 + n // 28:02}-{1 + n % 28:02}",
            ("Ana", "Emil")[n % 2],
            4 + n % 5,
            f"Project {n % 7}, part {n}",
        ]
        for n in range(300)
    ]
    log = fill(model.sheet(0, "Log", 1000, 6, frozen=[1, 1]), rows)
    two = fill(model.sheet(5, "Two tables", 50, 8), [["x", "y", "z"], [1, 2, 3]])
    fill(two, [["a", "b", "c"], [4, 5, 6], [7, 8, 9]], 3, 1)
    return json.dumps(model.book(log, two, zone="Europe/Berlin"))


def furnish(drive: Drive, people: Mapping[str, Person], now: float) -> None:
    """Put them into the Drives."""
    day, ana, work, ben = 86_400, people["ana"], people["ana-work"], people["ben"]
    add(drive, ana, "Household budget", budget(), now - 2 * day)
    add(drive, work, "Hours", hours(), now - 4 * day, [permission_of(people["emil"], "reader")])
    guests = model.book(
        fill(model.sheet(0, "Guests", 40, 4), [["Name", "Comes"], ["Ana", True], ["Cleo", False]])
    )
    add(drive, ben, "Guest list", guests, now - 9 * day, [permission_of(ana, "reader")])


def add(
    drive: Drive, owner: Person, name: str, body: Json, at: float, shared: Iterable[Permission] = ()
) -> None:
    """One spreadsheet, under an id that follows from its name."""
    drive.add(owner, name, SHEET, body=body, id_=new_id(SHEET, [owner.key, name]), at=at, shared=shared)
