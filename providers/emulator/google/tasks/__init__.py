"""Google Tasks: lists, tasks and subtasks behind tasks.googleapis.com.

This room owns everybody's lists, the order of what is in them, and what Google hides: what is done, what was
cleared away, what is deleted (it stays, marked so) and what others assigned.

It refuses what Google refuses: dates without a time and a zone, titles and notes that are too long, a place
behind a task that is not a neighbour.
"""
