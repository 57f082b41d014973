"""Reading what strangers wrote: mail, files, descriptions, as the plain text that a person would see.

This room owns how HTML becomes text without what is hidden in it, what of a mail is quoted, and how files
become text in a process of their own, with limits.

It refuses to trust a byte: sizes are bounded before anything is parsed, nothing is fetched, nothing is kept,
and no parser of a file format runs in the server itself.
"""
