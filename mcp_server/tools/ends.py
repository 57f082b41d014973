"""What can break off a tool of several calls when some of them are done: that must be said, not lost.

The vault is asked for a fresh credential in the middle, too, so its errors are among these.
"""

from __future__ import annotations

from providers.base import GrantRejected, ProviderError
from vault.errors import Busy, ConnectionExpired, NotConnected

GRANT_ENDED = (GrantRejected, ConnectionExpired, NotConnected)
"""The person must connect again first."""

BREAKS = (ProviderError, *GRANT_ENDED, Busy)
"""All that may happen to a call on the way. An alarm of the vault is none of these."""
