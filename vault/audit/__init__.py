"""What happened here, written for whoever runs it, so that nobody can rewrite it unseen.

This room owns the closed list of events, the rows and the MACs that chain them, the pseudonyms that people
are called by, and the check of what was written. docs/audit.md says what the check can show and what not.

It refuses to write content, secrets, labels or names, and to hold up what it writes about for long.
"""
