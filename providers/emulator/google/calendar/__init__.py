"""Google Calendar: `www.googleapis.com/calendar/v3/`.

This room owns the calendars and their events, the expansion of recurring ones, and the rules of
reading and writing them. Events rest in the shape the API shows, without what depends on the reader.

It refuses a time without an offset, a half-open event, an id used before, writing where one only
reads; and it sends nobody mail, but writes down whom Google would have written to.
"""
