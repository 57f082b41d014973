"""How a model asks.

This room owns the MCP resource server: the bearer check, the toolbox, the tools, and the one seam
where an error becomes a sentence for a model.

It refuses to sign anybody in, to see a refresh token, and to take an identity from an argument.
"""
