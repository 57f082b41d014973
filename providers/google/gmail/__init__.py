"""The Gmail API, version 1.

This room owns the calls that our tools make, its answers as types, and how a mail comes apart: its text, its
files, whom it names.

It refuses to raise for what a sender wrote, and to ask for more of a mail than is looked at.
"""

from providers.google.gmail.answers import Draft, DraftPage, Label, Message, Part, Thread, ThreadPage
from providers.google.gmail.client import HEADERS, Gmail

__all__ = ["HEADERS", "Draft", "DraftPage", "Gmail", "Label", "Message", "Part", "Thread", "ThreadPage"]
