"""An error as one sentence on stderr, and the exit status that goes with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from valet.settings import SettingsError

UNSERVED = (
    "Valet serves on Linux and macOS, and its commands work where it serves. On Windows run it in Docker "
    "(docs/setup.md) or in WSL; valet install works here"
)
"""What whoever would serve on Windows, or manage what serves, is told."""


class NotDone(Exception):
    """What was asked was not done; the text says why and what to do, `status` is the command's."""

    def __init__(self, sentence: str, status: int = 2) -> None:
        super().__init__(sentence)
        self.status = status


@contextmanager
def spoken() -> Iterator[None]:
    """Errors of the kinds below become one sentence on stderr and exit status 2 (1 for a failed trial)."""
    try:
        yield
    except SettingsError as error:
        refuse("the settings need a change:\n  " + "\n  ".join(error.faults))
    except NotDone as error:
        refuse(str(error), status=error.status)
    except Exception as error:
        sentence, status = _told(error)
        if sentence is None:
            raise
        refuse(sentence, status)


def refuse(sentence: str, status: int = 2) -> NoReturn:
    """End the command with a sentence on stderr."""
    print(f"valet: {sentence}", file=sys.stderr)
    sys.exit(status)


def _told(error: Exception) -> tuple[str | None, int]:
    """The sentence and the exit status of an error that is known; they are looked up where there is one."""
    from valet.embedded import EmbeddedError
    from valet.emulation import EmulatorFailed
    from valet.ground import CannotOpen
    from valet.links import NoLink
    from valet.people import NoSuchGuest
    from valet.reach import NotReached
    from valet.scenes import TrialFailed
    from valet.serve import CannotServe
    from vault.errors import Busy, KeysAway
    from vault.keyring import KeyRingError
    from vault.store.migrate import SchemaError

    known = (
        CannotServe,
        CannotOpen,
        EmbeddedError,
        EmulatorFailed,
        KeyRingError,
        KeysAway,
        NoLink,
        SchemaError,
        NoSuchGuest,
        NotReached,
    )
    if isinstance(error, TrialFailed):
        return str(error), 1
    if isinstance(error, Busy) and not isinstance(error, KeysAway):
        where = (
            "Check that PostgreSQL runs and that DATABASE_URL names it." if "database" in str(error) else ""
        )
        return f"{error}. {where}".rstrip(), 2
    return (str(error) if isinstance(error, known) else None), 2
