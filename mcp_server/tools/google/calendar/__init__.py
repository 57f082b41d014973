"""Google Calendar's tools: what is in a calendar, and what goes into it.

This room owns how several calendars become one list, and how adding the same event twice stays one event.

It refuses to guess silently: an answer names the zone it assumed.
"""
