"""Spotify's tools: finding things, playing them, and saying honestly what plays.

This room owns how words become a track, which device is meant, and when a command counts as done.

It refuses to keep or log anything of Spotify's. Names of tracks, playlists and devices are other
people's text: they travel in fields, clipped.
"""
