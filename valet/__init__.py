"""The assembly.

This room owns the command line, the settings, the composition root that builds both doors over
one vault, and the supervisor of the embedded PostgreSQL.

It refuses to hold logic that another room could own; nothing imports it.
"""
