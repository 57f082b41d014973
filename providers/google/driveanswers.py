"""What Google Drive answers, as types. Field names: drive.v3."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from providers.model import Model, Text

APPS = "application/vnd.google-apps."
FOLDER, SHORTCUT = f"{APPS}folder", f"{APPS}shortcut"
DOCUMENT, SPREADSHEET, SLIDES = f"{APPS}document", f"{APPS}spreadsheet", f"{APPS}presentation"
DRAWING, FORM = f"{APPS}drawing", f"{APPS}form"

Next = Annotated[str | None, Field(validation_alias="nextPageToken")]


class Owner(Model):
    """Somebody with a Google account."""

    name: Annotated[Text, Field(validation_alias="displayName")] = ""
    email: Annotated[Text, Field(validation_alias="emailAddress")] = ""


class Target(Model):
    """What a shortcut leads to."""

    id: Annotated[Text, Field(validation_alias="targetId")] = ""
    kind: Annotated[Text, Field(validation_alias="targetMimeType")] = ""


class Abilities(Model):
    """What the connected account may do with a file; what is not said counts as allowed."""

    edit: Annotated[bool, Field(validation_alias="canEdit")] = True
    rename: Annotated[bool, Field(validation_alias="canRename")] = True
    share: Annotated[bool, Field(validation_alias="canShare")] = True
    trash: Annotated[bool, Field(validation_alias="canTrash")] = True
    download: Annotated[bool, Field(validation_alias="canDownload")] = True


class File(Model):
    """A file, folder or shortcut. `size` is in bytes, times are RFC 3339 in UTC."""

    id: Text = ""
    name: Text = ""
    kind: Annotated[Text, Field(validation_alias="mimeType")] = ""
    description: Text = ""
    size_text: Annotated[Text, Field(validation_alias="size")] = ""
    created: Annotated[Text, Field(validation_alias="createdTime")] = ""
    modified: Annotated[Text, Field(validation_alias="modifiedTime")] = ""
    trashed: bool = False
    starred: bool = False
    shared: bool = False
    mine: Annotated[bool, Field(validation_alias="ownedByMe")] = False
    given: Annotated[bool, Field(validation_alias="isAppAuthorized")] = False
    parents: tuple[Text, ...] = ()
    link: Annotated[Text, Field(validation_alias="webViewLink")] = ""
    owners: tuple[Owner, ...] = ()
    changed_by: Annotated[Owner | None, Field(validation_alias="lastModifyingUser")] = None
    target: Annotated[Target | None, Field(validation_alias="shortcutDetails")] = None
    may: Annotated[Abilities, Field(validation_alias="capabilities")] = Abilities()
    version: Text = ""

    @property
    def size(self) -> int | None:
        """Bytes, where it has any of its own."""
        return int(self.size_text) if self.size_text.isdecimal() and not self.native else None

    @property
    def native(self) -> bool:
        """Whether it is one of Google's own kinds, which are exported and have no bytes."""
        return self.kind.startswith(APPS)

    @property
    def folder(self) -> str | None:
        """The folder it is in, where the account may see that."""
        return self.parents[0] if self.parents else None


class FilePage(Model):
    """A part of what a search finds."""

    files: tuple[File, ...] = ()
    incomplete: Annotated[bool, Field(validation_alias="incompleteSearch")] = False
    next_page_token: Next = None


class Permission(Model):
    """Who has which role. `kind` is user, group, domain or anyone."""

    id: Text = ""
    kind: Annotated[Text, Field(validation_alias="type")] = ""
    role: Text = ""
    email: Annotated[Text, Field(validation_alias="emailAddress")] = ""
    name: Annotated[Text, Field(validation_alias="displayName")] = ""
    domain: Text = ""
    found: Annotated[bool, Field(validation_alias="allowFileDiscovery")] = False
    expires: Annotated[Text, Field(validation_alias="expirationTime")] = ""

    @property
    def whom(self) -> str:
        """An address, a domain, or `anyone with the link`."""
        if self.kind == "anyone":
            return "anyone" if self.found else "anyone with the link"
        return self.domain if self.kind == "domain" else self.email or self.name


class PermissionPage(Model):
    """A part of a file's permissions."""

    permissions: tuple[Permission, ...] = ()
    next_page_token: Next = None
