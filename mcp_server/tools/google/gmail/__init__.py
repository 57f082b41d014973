"""Gmail's tools: finding and reading mail, labels, drafts, sending, and the trash.

This room owns how a stranger's mail becomes bounded, plain data, and how a mail is composed so that it stays
in its conversation.

It refuses a sender as an argument, line breaks in a header, and deleting for ever.
"""
