"""Spotify's half of the world: accounts.spotify.com, api.spotify.com and the pictures of i.scdn.co.

This room owns the catalogue, the people with their devices and playlists, the player's rules, and the
routes in front of them. It answers as the API does for an app in development mode since February 2026.

It refuses what is gone since then: removed routes are forbidden and removed fields are absent.
"""
