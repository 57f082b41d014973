"""A small OpenID provider that is nobody's in particular: what an operator's own sign-in looks like.

This room owns the people of https://id.emulator.example, its authorize page, its token endpoint, its key
document and its description (OpenID Connect Discovery 1.0). It signs with ES256, unlike Google.

It refuses what a careful provider refuses: no PKCE, no `openid`, an unknown scope or prompt.
"""
