"""The first step of compose.yaml: what its services find as files is made here, each for whom it is for.

Passwords of the database are made once and kept; connection strings and the secrets of `.env` are written
anew each time. It runs as root without a network, for each file belongs to the user of the container that
reads it, and ends. `keyring FILE` puts a key ring from a backup in place; one that is there is kept beside
it. `certificate FILE` does it with a certificate of your own: PEM, the key and the chain in one file.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

VALET, POSTGRES, NGINX = 10001, 999, 101
"""The users that the containers run as; nginx is a group of what belongs to Valet."""

RUN = Path("/run/valet")
KEPT = Path("/var/lib/valet")
FOLDERS = (
    (RUN / "postgres", POSTGRES, POSTGRES, 0o700),
    (RUN / "owner", VALET, VALET, 0o700),
    (RUN / "app", VALET, VALET, 0o700),
    (RUN / "acme", VALET, NGINX, 0o750),
    (RUN / "certificates", VALET, NGINX, 0o750),
    (KEPT / "keyring", VALET, VALET, 0o700),
    (KEPT / "acme", VALET, VALET, 0o700),
    (KEPT / "backups", VALET, VALET, 0o700),
    (KEPT / "keyring-backups", VALET, VALET, 0o700),
)
SECRETS = ("SPOTIFY_CLIENT_SECRET", "GOOGLE_CLIENT_SECRET", "OIDC_CLIENT_SECRET")


def main() -> None:
    """Make everything, or put back a key ring. Ends with a sentence where the settings can't work."""
    for folder, user, group, mode in FOLDERS:
        os.chown(folder, user, group)
        folder.chmod(mode)
    if sys.argv[1:2] == ["keyring"]:
        restore_ring(Path(sys.argv[2]))
        return
    if sys.argv[1:2] == ["certificate"]:
        given = Path(sys.argv[2]).read_text(encoding="ascii")
        write(RUN / "certificates/valet.pem", given, VALET, NGINX, 0o440)
        print("certificate is in place; nginx takes it within a minute")
        return
    settings = dotenv_values(os.environ["SETTINGS"])
    require_origin(settings.get("PUBLIC_URL") or "")
    passwords = {name: password(RUN / "postgres" / name) for name in ("superuser", "owner", "app")}
    for role, file in (("owner", "owner/migration_database_url"), ("app", "app/database_url")):
        url = f"postgresql://valet_{role}:{passwords[role]}@{os.environ['DATABASE']}"
        write(RUN / file, url, VALET)
    write(RUN / "owner/password", passwords["owner"], VALET)
    for name in SECRETS:
        write(RUN / "app" / name.lower(), settings.get(name) or "", VALET)
    print("secrets   are in place")


def require_origin(url: str) -> None:
    """End where nginx could not be PUBLIC_URL: it listens on 443 with one name."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.netloc != parts.hostname:
        sys.exit(
            f"PUBLIC_URL in .env is {url or 'not set'}. Write https:// and the name of this server in lower "
            "case, without a port: https://valet.example.org. Then: docker compose up -d"
        )


def password(path: Path) -> str:
    """The password in a file; one is made where there is none. In letters that a URL needs not escape."""
    if not path.exists():
        write(path, secrets.token_urlsafe(32), POSTGRES)
    return path.read_text(encoding="ascii").strip()


def write(path: Path, value: str, user: int, group: int | None = None, mode: int = 0o400) -> None:
    """A file with that value that only `user` reads, and `group` where one is given.

    It is whole or not there, also after a power failure.
    """
    part = path.with_name(f".{path.name}")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w", encoding="utf-8") as file:
        file.write(value)
        file.flush()
        os.fsync(file.fileno())
    os.chown(part, user, user if group is None else group)
    part.chmod(mode)
    put(part, path)


def put(part: Path, path: Path) -> None:
    """Give a file that is on disk its name there."""
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)


def restore_ring(given: Path) -> None:
    """Put a ring in place, for Valet alone. What is there stays beside it under another name."""
    ring, part = KEPT / "keyring/keyring.json", KEPT / "keyring/.keyring.json"
    if ring.exists():
        if ring.read_bytes() == given.read_bytes():
            print("key ring  is this one already")
            return
        number = 1
        while (kept := ring.with_name(f"keyring.json.{number}")).exists():
            number += 1
        os.link(ring, kept)
        print(f"key ring  the one that was there is kept as {kept.name}")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as to, given.open("rb") as of:
        shutil.copyfileobj(of, to)
        to.flush()
        os.fsync(to.fileno())
    os.chown(part, VALET, VALET)
    put(part, ring)
    print("key ring  is in place")
    print("next      see that it opens the database: docker compose run --rm prepare valet keys verify")


if __name__ == "__main__":
    main()
