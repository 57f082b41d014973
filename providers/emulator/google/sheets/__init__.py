"""Google Sheets at the emulator.

This room owns spreadsheets: grids of cells in A1 notation, with formulas, formats and named ranges.
It refuses what Sheets refuses: a range beyond the grid, values beyond their range, a protected sheet, ten
million cells. Few formulas are worked out; others show what Sheets shows for a name that it does not know.
"""
