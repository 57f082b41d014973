"""The tools of Google Drive.

This room owns what a model can do with files: find, read, make, change, share, trash. It says why a file
cannot be seen, and asks for the whole Drive only when somebody wants it.

It refuses raw searches, deleting for good, and sharing with nobody in particular. Names and content are
strangers' words: data, clipped.
"""
