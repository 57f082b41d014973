"""Who may sign in: asked at the door, and again at every token refresh."""

from __future__ import annotations

from collections.abc import Callable, Collection
from uuid import UUID

from vault.store.users import Users

OWNER_ISSUER = "valet"
OWNER_SUBJECT = "owner"


class Admission:
    """The guest list (`VALET_ALLOW`).

    `entries` are (issuer, subject) pairs; `everyone` is the list's `*`. `index` is `Vault.index`: rows
    know people by a keyed hash only. The owner of a server on their own machine counts while
    `owner_links` is on.
    """

    def __init__(
        self,
        users: Users,
        index: Callable[[str, str], bytes],
        entries: Collection[tuple[str, str]],
        *,
        everyone: bool = False,
        owner_links: bool = False,
    ) -> None:
        self._users = users
        self._index = index
        self._everyone = everyone
        self._listed = frozenset(entries)
        self._owner = frozenset({(OWNER_ISSUER, OWNER_SUBJECT)}) if owner_links else frozenset()

    def allowed(self, issuer: str, subject: str) -> bool:
        """Whether this upstream identity may sign in."""
        if issuer == OWNER_ISSUER:
            return (issuer, subject) in self._owner
        return self._everyone or (issuer, subject) in self._listed

    async def recheck(self, user: UUID) -> bool:
        """Whether this person may still come in: not blocked, and one of their identities allowed."""
        person = await self._users.find(user)
        if person is None or person.blocked:
            return False
        listed = {(issuer, self._index(issuer, subject)) for issuer, subject in self._listed | self._owner}
        for identity in await self._users.identities(user):
            if self._everyone and identity.issuer != OWNER_ISSUER:
                return True
            if (identity.issuer, identity.subject_index) in listed:
                return True
        return False
