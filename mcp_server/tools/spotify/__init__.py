"""Spotify's tools: finding things, playing them, and saying honestly what plays.

Names of tracks, playlists and devices are other people's text: they travel in fields, clipped, and
nothing of them is kept or logged.
"""
