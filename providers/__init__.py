"""How to speak to an upstream.

This room owns provider records (endpoints, services, scopes, the sentences a person reads),
the OAuth client that serves all of them, the shared HTTP client, the typed API clients, and the
emulator that speaks the same wire in tests and in the demo.

It refuses to know MCP, the database or HTML, and it keeps no token longer than one call.
"""
