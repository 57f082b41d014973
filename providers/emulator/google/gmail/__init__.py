"""Gmail: `gmail.googleapis.com/gmail/v1/`.

This room owns the mailboxes: messages as the bytes that came, taken apart when they are looked at, threads,
labels, drafts, search, history, and the post from one account to another.

It refuses mail to nobody or too many, labels there are none of, and to touch Gmail's own; it sends nothing
out of this process, and writes down what Gmail would have sent.
"""
