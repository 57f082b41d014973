"""The tools of Google Contacts.

This room owns what a model can do with people: find them in the contacts, among those that one only wrote to
and in a directory; add a contact, and change one.

It refuses to change what it was not told to change, and to take one person for two.
"""
