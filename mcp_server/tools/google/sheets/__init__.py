"""The tools of Google Sheets: what a spreadsheet holds, its values, and changing them.

This room owns how A1 notation becomes an exact area of a sheet, how much of one fits an answer, and what was
in cells before they were changed.

It refuses to let text become a formula unless the caller says so, and to write over what stands below a
table.
"""
