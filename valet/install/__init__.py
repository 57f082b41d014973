"""`valet install`: this server's entry in the files of chat programs.

This room owns where each program keeps its entries (`programs.py`), how one entry is put into a text or taken
out of it (`text.py`), and how a file is replaced (`file.py`).

It refuses a file that it can't read whole, to touch what is not ours, and to lose a comment.
"""
