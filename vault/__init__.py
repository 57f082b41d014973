"""How a secret rests.

This room owns keys (key ring, data keys), envelopes, the refresh protocol, and in `vault.store`
every SQL statement of the project.

It refuses to open any socket but PostgreSQL's and that of the key service an operator names (the refresh
function is passed in), to hand out a refresh token, and to answer any call that does not name the owner.
"""
