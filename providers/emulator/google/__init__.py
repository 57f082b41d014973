"""Google's half of the world: accounts.google.com, oauth2.googleapis.com, the key set, userinfo, Calendar.

This room owns the Google accounts, the consent with its tick boxes, the signed identities, and the
calendars behind `www.googleapis.com/calendar/v3/`. Scopes are checked per method as the discovery
document lists them; errors have Google's classic shape.

It refuses what Google refuses: unknown scopes, inexact redirects, times without an offset, writing
where one may only read. What Calendar has and this room has not is answered 501.
"""
