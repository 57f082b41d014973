"""The tools of YouTube.

This room owns what a model can do there: find and read about videos, see playlists, add to them.

It refuses to spend a search where a cheap call tells the same: a day has a hundred of them, for everybody.
"""
