"""What the operator's key seals: a name for each kind. A record opens only under the name it was sealed as.

They are here, and not where each is used, so that `valet keys verify` opens every kind as its owner does.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TRIP = "provider-state"
"""`states.sealed`: the PKCE verifier, and the pages to return to."""

ACCOUNT = "pending-account"
"""`pendings.sealed` of an account that waits for its person's yes: whose it is, and its tokens."""

IDENTITY = "pending-identity"
"""`pendings.sealed` of a way in that waits for its person's yes."""

PAGES = "pending-pages"
"""`pages` in `pendings.params`: the pages to return to."""

PREVIEW = "call-preview"
"""`approvals.sealed`: what a person is shown of a call before they say yes or no to it."""

SUCCESSOR = "successor"
"""`refresh_tokens.successor`: the refresh token that came next, while its predecessor is in its grace."""

CALLED = "audit-key"
"""`audit_keys.sealed`: the key that a person is called by in the audit."""

TRANSFER = "transfer"
"""`transfers.sealed`: which file a link is for, and whose link it is."""

WAITING: Mapping[str, str] = MappingProxyType({"connect": ACCOUNT, "link": IDENTITY})
"""As what `pendings.sealed` rests, by the row's `purpose`."""
