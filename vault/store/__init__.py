"""Every SQL statement of the project, one module per table group.

This room owns the schema (`migrations/`), the pool, and the queries. Each query that touches a
person's rows names the owner in its WHERE. Values travel as parameters only.

It refuses to decrypt anything: bodies go in and out as bytes.
"""
