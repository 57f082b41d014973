"""Links for files in and out: a chat program's files are not ours to see, and ours have no path of theirs.

async def drive_read_file(…, transfers: Transfers, …):
    link = await transfers.offer(drive_file(file.id, file.name, file.mime_type, file.size))
    return answer(Model(…, link=link.shown), f"… {link.sentence}", link.block)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from mcp_types import ResourceLink
from pydantic import BaseModel, Field

from mcp_server.call import Call
from mcp_server.ports import FileLinks
from providers.base import Parcel
from providers.filenames import safe

_ANY = "application/octet-stream"


class FileLink(BaseModel):
    """A link for one file, as structured content says it."""

    url: Annotated[str, Field(description="For a browser, or one POST.")]
    expires_at: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link that was made: `shown` for structured content, `block` for the result's content, `sentence` for
    its text.
    """

    parcel: Parcel
    shown: FileLink

    @property
    def block(self) -> ResourceLink:
        """The link as MCP's resource link. The name is the file's own, made safe: data."""
        parcel = self.parcel
        into = parcel.direction == "upload"
        said = "Upload it here, once." if into else "Opens a page that gives the file, once."
        return ResourceLink(
            type="resource_link",
            uri=self.shown.url,
            name=safe(parcel.name),
            mime_type=parcel.media_type or _ANY,
            size=parcel.size,
            description=f"{said} Until {self.shown.expires_at}.",
        )

    @property
    def sentence(self) -> str:
        """What a model reads: where it leads, how it is used without a browser, and how long it stands."""
        url, until = self.shown.url, self.shown.expires_at
        if self.parcel.direction == "upload":
            how = "or send the file with: curl --data-binary @FILE"
            return f"Upload link (once, until {until}, 25 MB): {url} – open it in a browser, {how} {url}"
        return (
            f"Download link (once, until {until}): {url} – open it in a browser, or: curl -X POST -OJ {url}"
        )


class Linker:
    """Makes links in the name of one call: for its person, its chat and the account that it is about."""

    def __init__(self, links: FileLinks, public_url: str, call: Call) -> None:
        self._links = links
        self._public_url = public_url
        self._call = call

    async def offer(self, parcel: Parcel) -> Link:
        """A link for that file: in or out, once, for a quarter of an hour. Whoever has it may use it.

        The tool has a client injected: its account is the one that the link is about. Raises Busy.
        """
        call = self._call
        assert call.tool is not None
        assert call.connection is not None, "a tool that makes links has a client injected"
        connection: UUID = call.connection
        service, access = call.tool.service, call.tool.access
        enough = {f"{service}:write", f"{service}:{access}"}
        offered = await self._links.offer(
            user=call.principal.user_id,
            grant=call.principal.grant_id,
            connection=connection,
            scopes=enough,
            parcel=parcel,
        )
        url = f"{self._public_url}/files/{offered.handle.get_secret_value()}"
        until = offered.expires_at.replace(microsecond=0).isoformat()
        return Link(parcel, FileLink(url=url, expires_at=until))
