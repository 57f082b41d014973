"""Google's tools, one folder per service.

This room owns what the services share: the clients a tool is handed, and how words become a time in a zone.

It refuses to mix what others wrote with prose of ours: that travels in fields, as plain text, clipped.
"""
