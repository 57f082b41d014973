"""One unwrapped data key: what can be done with it, and no way to read it."""

from __future__ import annotations

from vault import envelope
from vault.alarms import Alarms
from vault.errors import Malformed, Tampered
from vault.secret import Secret


class DataKey:
    """Takes `dek` over, and zeroes it when told to.

    Every verb is done before it returns: nothing can wipe the key in the middle of its use.
    """

    def __init__(self, dek: bytearray, alarms: Alarms) -> None:
        self._secret = Secret(dek)
        self._alarms = alarms

    def __repr__(self) -> str:
        return "DataKey(**)"

    def seal(self, context: envelope.Context, plaintext: bytes) -> bytes:
        """The envelope of `plaintext`, bound to `context`."""
        return envelope.seal(self._secret.reveal(), context, plaintext)

    def open(self, context: envelope.Context, sealed: bytes) -> bytes:
        """What `seal` was given. Raises Tampered or Malformed, and gives the alarm."""
        try:
            return envelope.open_sealed(self._secret.reveal(), context, sealed)
        except envelope.Malformed:
            self._alarms.refused("malformed", context.purpose)
            raise Malformed("not an envelope of a known format") from None
        except envelope.Tampered:
            self._alarms.refused("tampered", context.purpose)
            raise Tampered("a sealed record does not open") from None

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose."""
        return envelope.derive(self._secret.reveal(), purpose)

    def wipe(self) -> None:
        """Zero it; nothing can be done with it any more."""
        self._secret.wipe()
