"""What YouTube answers, as types. Field names: youtube.v3."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from providers.model import Model, Text

_PERIOD = re.compile(r"P(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,5})M)?(?:(\d{1,5})S)?)?")

Next = Annotated[str | None, Field(validation_alias="nextPageToken")]


class Resource(Model):
    """What an entry or a result stands for: one of the three ids is set."""

    video: Annotated[Text, Field(validation_alias="videoId")] = ""
    channel: Annotated[Text, Field(validation_alias="channelId")] = ""
    playlist: Annotated[Text, Field(validation_alias="playlistId")] = ""


class Snippet(Model):
    """What all kinds of things have: a name, words, a channel, a date."""

    title: Text = ""
    description: Text = ""
    channel: Annotated[Text, Field(validation_alias="channelTitle")] = ""
    channel_id: Annotated[Text, Field(validation_alias="channelId")] = ""
    published: Annotated[Text, Field(validation_alias="publishedAt")] = ""
    live: Annotated[Text, Field(validation_alias="liveBroadcastContent")] = ""
    owner: Annotated[Text, Field(validation_alias="videoOwnerChannelTitle")] = ""
    position: int | None = None
    resource: Annotated[Resource, Field(validation_alias="resourceId")] = Resource()


class Related(Model):
    """The playlists that come with a channel."""

    uploads: Text = ""


class Details(Model):
    """What is counted of a thing; a duration is ISO 8601."""

    duration: Text = ""
    count: Annotated[int | None, Field(validation_alias="itemCount")] = None
    related: Annotated[Related, Field(validation_alias="relatedPlaylists")] = Related()


class Statistics(Model):
    """How often a video was seen and liked; numbers as text."""

    views: Annotated[Text, Field(validation_alias="viewCount")] = ""
    likes: Annotated[Text, Field(validation_alias="likeCount")] = ""


class Status(Model):
    """Who may see a thing: public, unlisted or private."""

    privacy: Annotated[Text, Field(validation_alias="privacyStatus")] = ""


class Thing(Model):
    """A video, a channel, a playlist or an entry of one."""

    id: Text = ""
    snippet: Snippet = Snippet()
    details: Annotated[Details, Field(validation_alias="contentDetails")] = Details()
    statistics: Statistics = Statistics()
    status: Status = Status()

    @property
    def milliseconds(self) -> int:
        """How long a video is; 0 for one that is live, or is not told."""
        found = _PERIOD.fullmatch(self.details.duration)
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0,) * 4
        return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000


class PageInfo(Model):
    """How many there are, as far as YouTube knows."""

    total: Annotated[int | None, Field(validation_alias="totalResults")] = None


class Things(Model):
    """A part of a list."""

    items: tuple[Thing, ...] = ()
    info: Annotated[PageInfo, Field(validation_alias="pageInfo")] = PageInfo()
    next_page_token: Next = None


class Result(Model):
    """What a search found. Its texts are escaped for HTML, unlike everywhere else at YouTube."""

    id: Resource = Resource()
    snippet: Snippet = Snippet()


class Results(Model):
    """A part of what a search found."""

    items: tuple[Result, ...] = ()
    next_page_token: Next = None
