"""The tools of Google Docs: reading a document, and editing it.

This room owns how a document becomes Markdown, and how an edit finds its place: in UTF-16 code units of the
revision that was read, from the end backwards.

It refuses to edit a document that has changed since it was read, and to guess which heading is meant.
"""
