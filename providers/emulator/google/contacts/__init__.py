"""Google's people: contacts, those somebody only wrote to, and the directory of an organisation.

This room owns everybody's address book behind people.googleapis.com, and what a search sees of it: how it was
when the search was last warmed up.

It refuses what Google refuses: a change of a version that is not the present one, two names at once, the
directory for an account that is of no organisation. Groups, pictures and batches are answered 501.
"""
