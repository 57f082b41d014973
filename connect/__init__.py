"""How a person grants.

This room owns the sidecar: the authorization server for chat clients, sign-in, the consent page,
the connect flow towards providers, and the account page.

It refuses to run a tool, to keep anything in memory between two requests, and to act on a GET.
"""
