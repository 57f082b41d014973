"""Google's scopes, with the sentence a person reads, and which of them only sign in."""

from __future__ import annotations

from collections.abc import Iterable

PREFIX = "https://www.googleapis.com/auth/"
EMAIL = PREFIX + "userinfo.email"
PROFILE = PREFIX + "userinfo.profile"
SIGN_IN = frozenset({"openid", EMAIL, PROFILE})
ALIASES = {"email": EMAIL, "profile": PROFILE}
"""Short names that come back long (developers.google.com, OpenID Connect reference)."""

TABLE = """
calendar | See, edit, share and permanently delete all the calendars you can access
calendar.readonly | See and download any calendar you can access
calendar.acls | See and change the sharing permissions of calendars you own
calendar.acls.readonly | See the sharing permissions of calendars you own
calendar.app.created | Make secondary calendars and edit their events
calendar.calendarlist | See, add to and remove from the list of calendars you're subscribed to
calendar.calendarlist.readonly | See the list of calendars you're subscribed to
calendar.calendars | See and change the properties of calendars you have access to
calendar.calendars.readonly | See the title, description and time zone of calendars you have access to
calendar.events | View and edit events on all your calendars
calendar.events.readonly | View events on all your calendars
calendar.events.freebusy | See the availability on calendars you have access to
calendar.events.owned | See, create, change and delete events on calendars you own
calendar.events.owned.readonly | See the events on calendars you own
calendar.events.public.readonly | See the events on public calendars
calendar.freebusy | View your availability in your calendars
calendar.settings | View and change your Calendar settings
calendar.settings.readonly | View your Calendar settings
contacts | See, edit, download and permanently delete your contacts
contacts.readonly | See and download your contacts
contacts.other.readonly | See and download contact info saved in your "Other contacts"
directory.readonly | See and download your organization's directory
documents | See, edit, create and delete all your Google Docs documents
documents.readonly | See all your Google Docs documents
drive | See, edit, create and delete all of your Google Drive files
drive.appdata | See, create and delete its own configuration data in your Google Drive
drive.file | See, edit, create and delete only the Google Drive files you use with this app
drive.metadata.readonly | See information about your Google Drive files
drive.readonly | See and download all your Google Drive files
gmail.addons.current.action.compose | Manage drafts and send emails when you interact with the add-on
gmail.addons.current.message.action | View your email messages when you interact with the add-on
gmail.addons.current.message.metadata | View your email message metadata when the add-on is running
gmail.addons.current.message.readonly | View your email messages when the add-on is running
gmail.compose | Manage drafts and send emails
gmail.insert | Add emails into your Gmail mailbox
gmail.labels | See and edit your email labels
gmail.metadata | View your email message metadata, not the body
gmail.modify | Read, compose and send emails from your Gmail account
gmail.readonly | View your email messages and settings
gmail.send | Send email on your behalf
gmail.settings.basic | See, edit, create, or change your email settings and filters in Gmail
gmail.settings.sharing | Manage your sensitive mail settings, including who can manage your mail
spreadsheets | See, edit, create and delete all your Google Sheets spreadsheets
spreadsheets.readonly | See all your Google Sheets spreadsheets
tasks | Create, edit, organize and delete all your tasks
tasks.readonly | View your tasks
userinfo.email | See your primary Google Account email address
userinfo.profile | See your personal info, including any you've made publicly available
youtube | Manage your YouTube account
youtube.force-ssl | See, edit and permanently delete your YouTube videos, ratings and comments
youtube.readonly | View your YouTube account
"""

SCOPES: dict[str, str] = {
    "openid": "Associate you with your personal info on Google",
    "https://mail.google.com/": "Read, compose, send and permanently delete all your email",
    **{PREFIX + line.split(" | ")[0]: line.split(" | ")[1] for line in TABLE.strip().splitlines()},
}


def full(scope: str) -> str:
    """A scope with its prefix; one that is an address has none."""
    return scope if "://" in scope else PREFIX + scope


def normal(asked: str) -> list[str]:
    """The scopes of a request in their long form, each once."""
    return list(dict.fromkeys(ALIASES.get(scope, scope) for scope in asked.split()))


def services(scopes: Iterable[str]) -> list[str]:
    """Those that open something besides signing in."""
    return [scope for scope in scopes if scope not in SIGN_IN]


def field(scope: str) -> str:
    """The name of a scope's tick box on the consent page: `scope.calendar.events`."""
    return f"scope.{scope.removeprefix(PREFIX).removeprefix('https://').rstrip('/')}"
