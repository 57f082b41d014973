"""The doctor: what stands in the way of this Valet, found out by looking, each finding with its fix.

This room owns the examinations (`chart.py` lists them; another one is a file and a line there), what they
look at (`patient.py`) and how it is told (`report.py`).

It refuses to change anything, to show a secret, to wait for long, and to guess: what can't be told is said.
"""
