"""The one resource our tokens are for (RFC 8707): does the client mean it?"""

from __future__ import annotations

from urllib.parse import urlsplit

from connect.oautherrors import OAuthError

_DEFAULT_PORTS = {"http": 80, "https": 443}


def require_resource(given: str | None, ours: str) -> None:
    """Pass where `given` is our resource or absent. Raises OAuthError (`invalid_target`).

    Scheme and host compare without case, and a trailing slash or the scheme's own port is no difference.
    """
    if given is not None and _canonical(given) != _canonical(ours):
        raise OAuthError(
            "invalid_target",
            "This server gives tokens for its own /mcp address only; name that or no resource.",
        )


def _canonical(uri: str) -> tuple[str, str, int | None, str] | None:
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    if parts.query or "#" in uri or parts.username is not None:
        return None
    return (
        parts.scheme,
        parts.hostname or "",
        port or _DEFAULT_PORTS.get(parts.scheme),
        parts.path.rstrip("/"),
    )
