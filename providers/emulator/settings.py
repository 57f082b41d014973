"""The switches a test or a demo can turn, all at their everyday position by default."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass
class Settings:
    """How the upstreams behave where the real ones have behaved differently over time.

    `rotate`: a refresh answers a new refresh token and spends the old; with `reuse_detection` the
    reuse of a spent one, later than `grace_seconds`, revokes its family. `withheld_scopes` are never
    granted, as if the person had unticked them. `lag_ms`: how long reads answer the state before a
    command. `command_bodies`: player commands answer 200 with a token that is no JSON, as observed
    since 2024, instead of the documented 204. `unregistered`: accounts missing from the app's user list.
    `owner_premium`: false, and the app's owner has let Premium lapse. `callback_error` comes back with the
    person in place of a code. `testing`: the app is in testing, refresh tokens die after seven days.
    `id_token` overrides claims of the identity, null removes one; with `id_token_forged` another key signs it
    under the published id.
    """

    rotate: bool = False
    reuse_detection: bool = True
    grace_seconds: float = 0.0
    access_seconds: int = 3600
    withheld_scopes: list[str] = field(default_factory=list)
    lag_ms: int = 200
    command_bodies: bool = False
    unregistered: list[str] = field(default_factory=list)
    owner_premium: bool = True
    callback_error: str = ""
    testing: bool = False
    id_token: dict[str, Any] = field(default_factory=dict)
    id_token_forged: bool = False

    def change(self, values: dict[str, Any]) -> None:
        """Set some of them. Raises ValueError for a name or a type that is none of these."""
        for name, value in values.items():
            current = getattr(self, name, None)
            if name not in {f.name for f in fields(self)}:
                raise ValueError(f"There is no setting {name!r}.")
            numeric = isinstance(current, (int, float)) and not isinstance(current, bool)
            wanted = (int, float) if numeric else type(current)
            if not isinstance(value, wanted) or (numeric and isinstance(value, bool)):
                raise ValueError(f"Setting {name!r} cannot be {value!r}.")
            setattr(self, name, value)

    def restore(self) -> None:
        """Everything back to its everyday position; the object stays the same, others hold it."""
        for name, value in asdict(Settings()).items():
            setattr(self, name, value)
