"""Google Drive at the emulator.

This room owns everybody's files, in one store that Docs and Sheets work on too: what they are, who reaches
which, and how they are searched, read, changed and shared.
It refuses what Drive refuses: a file that the app was not given, the content of what has no bytes, a search
that cannot be read, and sharing by who may not share.
"""
