"""Which key ring a setting names.

    /path/to/keyring.json                        a file, as it stands
    file:/path/to/keyring.json                   the same
    awskms:ARN                                   a key at AWS KMS
    awskms:ARN,awskms:ARN,file:/path             several: the first wraps, the others only unwrap

A kind is one line of `_KINDS`, and what its ring does is behind the two verbs: nothing else knows of kinds.
What is not the ring in use is not imported.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vault.keyring import KeyRing, Unreadable
from vault.rings.file import FileKeyRing
from vault.rings.several import SeveralRings

_PREFIX = re.compile(r"[a-z][a-z0-9]+(?=:)")
_ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key/[A-Za-z0-9-]+|alias/[A-Za-z0-9/_-]+)")

Names = Sequence[str]


@dataclass(frozen=True, slots=True)
class _Kind:
    """What may stand after the kind, in words, whether it does, and the ring of it.

    A ring that is not there is made where the second argument says so, and the kind makes any.
    """

    wants: str
    fits: Callable[[Names], bool]
    open: Callable[[Names, bool], Awaitable[KeyRing]]


async def open_ring(setting: str, *, create: bool = False) -> KeyRing:
    """The ring that the setting names; `create`: the file that wraps is made where there is none.

    Raises KeyRingError, with a sentence for the operator.
    """
    try:
        chosen = parse(setting)
    except ValueError as error:
        raise Unreadable(f"VALET_KEYRING {error}.") from None
    first, *_ = chosen
    rings = {kind: await _KINDS[kind].open(names, create and kind == first) for kind, names in chosen.items()}
    return rings[first] if len(rings) == 1 else SeveralRings(rings)


def path_of(setting: str) -> Path | None:
    """The ring file that is named, for who makes or edits one, or None. Raises ValueError."""
    return next((Path(name) for name in parse(setting).get("file", ())), None)


def parse(setting: str) -> Mapping[str, Names]:
    """What is named, by kind; the kind that wraps comes first. Raises ValueError: what is amiss."""
    if _PREFIX.match(setting) is None:
        return {"file": [setting]}
    chosen: dict[str, list[str]] = {}
    for part in setting.split(","):
        kind, _, name = part.strip().partition(":")
        if kind not in _KINDS:
            raise ValueError(f"begins with no kind of key ring; give a path or one of {', '.join(_KINDS)}")
        chosen.setdefault(kind, []).append(name)
    for kind, names in chosen.items():
        if not _KINDS[kind].fits(names):
            raise ValueError(f"needs {_KINDS[kind].wants} after {kind}:")
    return chosen


async def _file(names: Names, create: bool) -> KeyRing:
    path = Path(names[0])
    return FileKeyRing.create(path) if create else FileKeyRing(path)


async def _awskms(names: Names, create: bool) -> KeyRing:
    try:
        from vault.rings.aws import AwsKeyRing
    except ImportError as error:
        raise Unreadable(
            f"VALET_KEYRING names a key at AWS KMS, and the package {error.name} is not installed. Install "
            "Valet with the extra aws: pip install 'valet[aws]'"
        ) from None
    return await AwsKeyRing.open(names)


def _is_path(names: Names) -> bool:
    return len(names) == 1 and bool(names[0])


def _are_arns(names: Names) -> bool:
    return all(map(_ARN.fullmatch, names))


_KINDS: Mapping[str, _Kind] = {
    "file": _Kind("one path", _is_path, _file),
    "awskms": _Kind("the whole ARN of a key or an alias", _are_arns, _awskms),
}
