"""One call to an API of Google's with one person's credential."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote

from pydantic import SecretStr

from providers.base import CredentialSource, Rejected
from providers.google.record import GOOGLE
from providers.http import Answer, Content, Http, Params


class Caller:
    """What the clients of all APIs share; `base` is the address before every path. Calls raise ProviderError.

    Every call names the fields it wants (`fields`), so that no more of an account travels than a tool shows.
    """

    base: ClassVar[str]

    def __init__(self, http: Http, credential: CredentialSource | SecretStr) -> None:
        self._http = http
        self._credential = credential

    async def held(self) -> frozenset[str]:
        """The scopes that the credential is good for, as far as that is known."""
        if isinstance(self._credential, SecretStr):
            return frozenset()
        return GOOGLE.widened((await self._credential(None)).scopes)

    async def _call(
        self,
        operation: str,
        method: str,
        path: str,
        params: Params | None = None,
        scopes: frozenset[str] = frozenset(),
        json: object = None,
        *,
        content: Content | None = None,
        etag: str | None = None,
        base: str | None = None,
        most: int | None = None,
    ) -> Answer:
        """The answer to one call. A write is sent once: who sent it knows best whether to send it again.

        `scopes` are the least that the call needs. `etag` makes it fail with Conflict where the thing has
        changed (If-Match). `content` is a body that is no JSON, `base` stands in for the API's own, `most` is
        a cap for the answer's body in bytes other than the usual one.
        """
        return await self._http.request(
            GOOGLE,
            method,
            (base or self.base) + path,
            operation=operation,
            credential=self._credential,
            params=params,
            json=json,
            content=content,
            headers={"If-Match": etag} if etag else None,
            scopes=scopes,
            most=most,
        )


def segment(text: str) -> str:
    """One segment of a path. A segment of dots alone would be another path (RFC 3986 §5.2.4).

    Raises Rejected for what can't be sent.
    """
    if not text.strip("."):
        raise Rejected(GOOGLE.name, "path", "UNSENDABLE")
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:  # half a surrogate pair
        raise Rejected(GOOGLE.name, "path", "UNSENDABLE") from None
