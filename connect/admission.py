"""Who may sign in: asked at the door, on every page, and again at every token refresh."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from providers.base import Account
from vault.store.users import Users

OWNER_ISSUER = "valet"
OWNER_SUBJECT = "owner"

_EMAIL, _DOMAIN = "email", "domain"
_SUBJECT = re.compile(r"([a-z0-9_-]+):([A-Za-z0-9._|-]{1,128})")
_HOST = r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"
# Everybody's mail: no organisation, so no account says that it belongs to one.
_NOBODYS = frozenset({"gmail.com", "googlemail.com"})
_ADDRESS = re.compile(rf"[A-Za-z0-9.!#$%&'+/=?^_`{{|}}~-]{{1,64}}@{_HOST}")
_ORGANISATION = re.compile(rf"@({_HOST})")


@dataclass(frozen=True, slots=True)
class Guests:
    """The guest list (`VALET_ALLOW`), read.

    `subjects` are (issuer, subject) pairs. `emails` and `domains` are lower case; they let in whoever the
    issuer says has that verified address, or belongs to that organisation.
    """

    subjects: frozenset[tuple[str, str]] = frozenset()
    emails: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    everyone: bool = False

    @classmethod
    def read(cls, entries: Iterable[str], issuers: Mapping[str, str]) -> Guests:
        """The list of `entries`: PROVIDER:ACCOUNT_ID, an address, @DOMAIN, or `*`.

        `issuers` are the providers' issuers by their names. Raises ValueError with an entry that is none of
        these.
        """
        subjects, emails, domains, everyone = set(), set(), set(), False
        for entry in entries:
            if entry == "*":
                everyone = True
            elif (named := _SUBJECT.fullmatch(entry)) and named[1] in issuers:
                subjects.add((issuers[named[1]], named[2]))
            elif (organisation := _ORGANISATION.fullmatch(entry)) and organisation[1].lower() not in _NOBODYS:
                domains.add(organisation[1].lower())
            elif _ADDRESS.fullmatch(entry):
                emails.add(entry.lower())
            else:
                raise ValueError(entry)
        return cls(frozenset(subjects), frozenset(emails), frozenset(domains), everyone)


class Admission:
    """Holds people against the guest list.

    `index` is `Vault.index`: rows know people, their addresses and their domains by keyed hashes only. The
    owner of a server on their own machine counts while `owner_links` is on.
    """

    def __init__(
        self,
        users: Users,
        index: Callable[[str, str], bytes],
        guests: Guests,
        *,
        owner_links: bool = False,
    ) -> None:
        self._users = users
        self._index = index
        self._guests = guests
        self._owner = frozenset({(OWNER_ISSUER, OWNER_SUBJECT)}) if owner_links else frozenset()

    def allowed(self, account: Account) -> bool:
        """Whether this upstream identity may sign in."""
        guests, pair = self._guests, (account.issuer, account.subject)
        if account.issuer == OWNER_ISSUER:
            return pair in self._owner
        return (
            guests.everyone
            or pair in guests.subjects
            or (account.email or "").lower() in guests.emails
            or (account.domain or "").lower() in guests.domains
        )

    def claims(self, account: Account) -> frozenset[bytes]:
        """What an identity's row keeps, so that `recheck` can hold it against addresses and domains."""
        known = ((_EMAIL, account.email), (_DOMAIN, account.domain))
        return frozenset(self._index(kind, value.lower()) for kind, value in known if value)

    async def recheck(self, user: UUID) -> bool:
        """Whether this person may still come in: not blocked, and one of their identities allowed."""
        person = await self._users.find(user)
        if person is None or person.blocked:
            return False
        guests = self._guests
        listed = {(issuer, self._index(issuer, subject)) for issuer, subject in guests.subjects | self._owner}
        vouched = {self._index(_EMAIL, email) for email in guests.emails}
        vouched |= {self._index(_DOMAIN, domain) for domain in guests.domains}
        for identity in await self._users.identities(user):
            foreign = identity.issuer != OWNER_ISSUER
            if foreign and (guests.everyone or identity.claims & vouched):
                return True
            if (identity.issuer, identity.subject_index) in listed:
                return True
        return False
