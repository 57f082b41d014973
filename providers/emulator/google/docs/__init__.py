"""Google Docs at the emulator.

This room owns documents: tabs of paragraphs and tables, indexed in UTF-16 code units, and edits of them.
It refuses what Docs refuses: an index outside a paragraph, half a surrogate pair, a last line break, a table
in part; and a request for a revision that is not the latest.
"""
