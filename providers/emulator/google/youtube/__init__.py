"""YouTube: channels, videos and playlists behind youtube.googleapis.com, and a search that is soon used up.

This room owns a small YouTube: whose channel a video is on, who may see it, what is in whose playlists, and
what a day's quota of the whole project still allows.

It refuses what YouTube refuses: a request without `part`, two filters at once, other people's playlists. What
else YouTube can do is answered 501.
"""
