"""How the command line speaks: one line per step, an error as one sentence, and the options they share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer

from valet.emulation import EmulatorFailed
from valet.settings import SettingsError

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
Demo = Annotated[bool, typer.Option("--demo", help="Of the demo instead of the real server.")]


class NotDone(Exception):
    """What was asked was not done; the text says why and what to do, `status` is the command's."""

    def __init__(self, sentence: str, status: int = 2) -> None:
        super().__init__(sentence)
        self.status = status


@contextmanager
def spoken() -> Iterator[None]:
    """Errors of the kinds below become one sentence on stderr and exit status 2 (1 for a failed trial)."""
    from valet.embedded import EmbeddedError
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
        NoLink,
        SchemaError,
        NoSuchGuest,
        NotReached,
    )
    try:
        yield
    except SettingsError as error:
        refuse("the settings need a change:\n  " + "\n  ".join(error.faults))
    except TrialFailed as error:
        refuse(str(error), status=1)
    except NotDone as error:
        refuse(str(error), status=error.status)
    except KeysAway as error:
        refuse(str(error))
    except Busy as error:
        where = (
            "Check that PostgreSQL runs and that DATABASE_URL names it." if "database" in str(error) else ""
        )
        refuse(f"{error}. {where}".rstrip())
    except known as error:
        refuse(str(error))


def refuse(sentence: str, status: int = 2) -> NoReturn:
    """End the command with a sentence on stderr."""
    typer.echo(f"valet: {sentence}", err=True)
    sys.exit(status)
