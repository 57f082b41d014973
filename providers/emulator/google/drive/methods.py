"""The methods of drive.v3, as its discovery document has them: name, verb, path, accepted scopes."""

from __future__ import annotations

from providers.emulator.google.api import Method, rest

BASE = "/www.googleapis.com/drive/v3"
UPLOAD = "/www.googleapis.com/upload/drive/v3/files"
FILE = "/files/{file}"
PERMISSIONS = f"{FILE}/permissions"
PERMISSION = f"{PERMISSIONS}/{{permission}}"

SHARE = ("drive", "drive.file")
MAKE = ("drive", "drive.appdata", "drive.file")
READ = ("drive", "drive.file", "drive.meet.readonly", "drive.readonly")
SEE = (
    "drive",
    "drive.file",
    "drive.meet.readonly",
    "drive.metadata",
    "drive.metadata.readonly",
    "drive.photos.readonly",
    "drive.readonly",
)
CHANGE = (*MAKE, "drive.metadata", "drive.scripts")

SERVED: tuple[Method, ...] = (
    ("drive.about.get", "GET", "/about", tuple(s for s in (*SEE, "drive.appdata") if "meet" not in s)),
    ("drive.drives.list", "GET", "/drives", ("drive", "drive.readonly")),
    ("drive.files.generateIds", "GET", "/files/generateIds", MAKE),
    ("drive.files.list", "GET", "/files", (*SEE, "drive.appdata")),
    ("drive.files.create", "POST", "/files", MAKE),
    ("drive.files.get", "GET", FILE, (*SEE, "drive.appdata")),
    ("drive.files.update", "PATCH", FILE, CHANGE),
    ("drive.files.export", "GET", f"{FILE}/export", READ),
    ("drive.files.copy", "POST", f"{FILE}/copy", (*MAKE, "drive.photos.readonly")),
    ("drive.permissions.list", "GET", PERMISSIONS, SEE),
    ("drive.permissions.create", "POST", PERMISSIONS, SHARE),
    ("drive.permissions.get", "GET", PERMISSION, SEE),
    ("drive.permissions.update", "PATCH", PERMISSION, SHARE),
    ("drive.permissions.delete", "DELETE", PERMISSION, SHARE),
)

UPLOADS: tuple[Method, ...] = (
    ("drive.files.create.upload", "POST", UPLOAD, MAKE),
    ("drive.files.update.upload", "PATCH", f"{UPLOAD}/{{file}}", CHANGE),
    ("drive.files.create.resume", "PUT", UPLOAD, MAKE),
    ("drive.files.update.resume", "PUT", f"{UPLOAD}/{{file}}", CHANGE),
    ("drive.files.create.cancel", "DELETE", UPLOAD, MAKE),
    ("drive.files.update.cancel", "DELETE", f"{UPLOAD}/{{file}}", CHANGE),
)
"""A resumable upload goes on with PUT, and is called off with DELETE, at the address that its first request
was given (developers.google.com/workspace/drive/api/guides/manage-uploads); no document has those."""

COMMENTS = f"{FILE}/comments"
REPLIES = f"{COMMENTS}/{{comment}}/replies"
REVISION = f"{FILE}/revisions/{{revision}}"

UNBUILT = rest(f"""
    GET {FILE}/accessproposals {FILE}/accessproposals/{{proposal}}
    POST {FILE}/accessproposals/{{proposal}}:resolve
    GET {FILE}/approvals {FILE}/approvals/{{approval}}
    POST {FILE}/approvals/{{approval}}:approve {FILE}/approvals/{{approval}}:cancel
    POST {FILE}/approvals/{{approval}}:comment {FILE}/approvals/{{approval}}:decline
    POST {FILE}/approvals/{{approval}}:reassign {FILE}/approvals:start
    GET /apps /apps/{{app}}
    GET /changes /changes/startPageToken
    POST /changes/watch /channels/stop
    GET,POST {COMMENTS}
    DELETE,GET,PATCH {COMMENTS}/{{comment}}
    POST /drives /drives/{{drive}}/hide /drives/{{drive}}/unhide
    DELETE,GET,PATCH /drives/{{drive}}
    DELETE /files/trash
    GET /files/generateCseToken
    DELETE {FILE}
    POST {FILE}/download {FILE}/modifyLabels {FILE}/watch
    GET {FILE}/listLabels
    GET /operations/{{name}}
    GET,POST {REPLIES}
    DELETE,GET,PATCH {REPLIES}/{{reply}}
    GET {FILE}/revisions
    DELETE,GET,PATCH {REVISION}
    GET,POST /teamdrives
    DELETE,GET,PATCH /teamdrives/{{drive}}
""")
