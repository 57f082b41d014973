"""The tools of Google Tasks.

This room owns what a model can do with lists and tasks: see, add, change, put in order, delete.

It refuses times of day, which Google does not keep, and deleting what could not be made again.
"""
