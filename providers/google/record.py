"""Google as data, and the two things that are code: reading an error, and reading an id_token's claims.

Endpoints and parameters: developers.google.com/identity/protocols/oauth2/web-server and
…/identity/openid-connect/openid-connect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from providers.base import Account, Complaint, Dashboard, OpenId, Provider, vouched
from providers.google.reasons import MEANINGS
from providers.google.services import COVERS, SERVICES
from providers.http import decoded

ISSUER = "https://accounts.google.com"
_SCOPE = {"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}
_LIMIT = {
    "rateLimitExceeded",
    "sharingRateLimitExceeded",
    "userRateLimitExceeded",
    "RATE_LIMIT_EXCEEDED",
}
_QUOTA = {"quotaExceeded", "dailyLimitExceeded"}
_NO_TOKEN = {"youtubeSignupRequired"}
"""Of a 401 that no other token would mend."""
_DISABLED = {"accessNotConfigured", "SERVICE_DISABLED"}


def complaint(status: int, body: bytes) -> Complaint:
    """Google's reason, in the older form (`errors[].reason`) or the newer (`details[].reason`, `status`).

    developers.google.com/workspace/calendar/api/guides/errors, google.rpc.ErrorInfo.
    """
    words = set(_words(decoded(body)))
    if status == 403 and words & _SCOPE:
        return Complaint("", "scope")
    if status in {403, 429} and words & _QUOTA:
        return Complaint("QUOTA_EXCEEDED", "limit")
    if status in {403, 429} and words & _LIMIT:
        return Complaint("", "limit")
    if status == 401 and words & _NO_TOKEN:
        return Complaint(next(iter(words & _NO_TOKEN)), "refused")
    if words & _DISABLED:
        return Complaint("accessNotConfigured")
    return Complaint(next((word for word in MEANINGS if word in words), ""))


def _words(answer: object) -> Iterator[str]:
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        return
    for name in ("errors", "details"):
        rows = error.get(name)
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and isinstance(row.get("reason"), str):
                yield row["reason"]
    if isinstance(error.get("status"), str):
        yield error["status"]


def account(claims: Mapping[str, object]) -> Account:
    """The account that a verified id_token speaks of; `sub` never changes, the address may.

    `hd` is there only for accounts of a Workspace domain.
    """
    email, domain = claims.get("email"), claims.get("hd")
    address = email if isinstance(email, str) else ""
    organisation = domain if isinstance(domain, str) else ""
    return Account(
        issuer=ISSUER,
        subject=str(claims["sub"]),
        label=address or "Google",
        nickname=organisation or "personal",
        email=vouched(address) if claims.get("email_verified") is True else None,
        domain=vouched(organisation),
    )


# support.google.com/cloud/answer/15549257 (clients) and /15549945 (audience).
DASHBOARD = Dashboard(
    url="https://console.cloud.google.com/auth/clients",
    steps=(
        "Open the list of clients in the Google Cloud console, and choose a project or make one. If it asks "
        "you to set up the consent screen, do that first.",
        "Press “Create client” and choose the type “Web application”.",
        "Under “Authorized redirect URIs” add this address, letter by letter.",
        "Press “Create” and copy the client ID and the client secret. The secret is shown only then.",
        "In the same project, enable the APIs of what people may use: Google Calendar, Gmail, Google Drive, "
        "Google Docs, Google Sheets, Google Tasks, People (for contacts) and YouTube Data v3.",
        "Under “Audience”, add who will use it as test users, or publish the app. While it is in testing, "
        "Google ends every connection after seven days.",
    ),
    redirect=3,
    id_is=r".*\.apps\.googleusercontent\.com",
    secret_is=r"GOCSPX-.*",  # noqa: S106  a pattern
)

GOOGLE = Provider(
    name="google",
    title="Google",
    issuer=ISSUER,
    authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
    token_url="https://oauth2.googleapis.com/token",  # noqa: S106  an address, not a password
    revoke_url="https://oauth2.googleapis.com/revoke",
    revokes_all=True,
    hosts=frozenset(
        {
            "docs.googleapis.com",
            "gmail.googleapis.com",
            "people.googleapis.com",
            "sheets.googleapis.com",
            "tasks.googleapis.com",
            "www.googleapis.com",
            "youtube.googleapis.com",
        }
    ),
    services=SERVICES,
    openid=OpenId(
        keys_url="https://www.googleapis.com/oauth2/v3/certs",
        issuers=frozenset({ISSUER, "accounts.google.com"}),
        account=account,
    ),
    identity_scopes=frozenset({"openid", "email"}),
    manage_url="https://myaccount.google.com/connections",
    client_id_setting="GOOGLE_CLIENT_ID",
    client_secret_setting="GOOGLE_CLIENT_SECRET",  # noqa: S106  a setting's name
    # A refresh token comes only with access_type=offline, and reliably only with a consent that was shown;
    # the newest one stands for everything granted so far.
    connect_params={"access_type": "offline", "include_granted_scopes": "true", "prompt": "consent"},
    switch_params={"prompt": "select_account"},
    # Google has no parameter that makes it ask for the password; the chooser at least takes a click.
    again_params={"prompt": "select_account"},
    incremental=True,
    covers=COVERS,
    complaint=complaint,
    reasons=MEANINGS,
    dashboard=DASHBOARD,
)
