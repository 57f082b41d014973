"""What holds the keys that wrap data keys, each kind behind the two verbs of `vault.keyring`.

This room owns how keys are kept and found: the key ring file, and key services.

It refuses to know what is wrapped: nothing here imports anything of ours but `vault.keyring`, sees a
database, or keeps a data key.
"""
