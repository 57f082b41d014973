"""Who else may read a key ring: what root mounts as a secret passes, what lies open on a disk does not."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from vault.keyring import Unsafe
from vault.rings import access
from vault.rings.access import refuse_unsafe

Ask = Callable[["Where"], None]
DISK, MEMORY, RAM = os.makedev(254, 0), os.makedev(0, 44), os.makedev(0, 45)
# As proc(5) has it; the last two would match where only the number or only the type is looked at.
MOUNTS = """\
21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
90 21 0:44 / /run/secrets/keyring ro,nosuid,nodev,noexec - tmpfs tmpfs rw,size=64k
91 21 0:45 / /run/credentials/valet.service ro,nosuid shared:7 master:2 - ramfs ramfs rw,mode=700
92 21 0:4 / /proc rw - proc proc rw
93 21 0:254 / /tmp\\040- rw - tmpfs tmpfs rw
a line that is not one
"""


@dataclass(frozen=True)
class Where:
    mode: int
    owner: int = 0
    group: int = 0
    device: int = DISK
    runs_as: int = 1000
    groups: tuple[int, ...] = (1000, 2000)


READ = {
    "one's own": Where(0o600, owner=1000, group=1000),
    "root's own, as root": Where(0o400, runs_as=0, groups=(0,)),
    "of root, for root alone": Where(0o400),
    "Docker: /run/secrets": Where(0o444, device=MEMORY),
    "Docker: /run/secrets, as root": Where(0o444, device=MEMORY, runs_as=0, groups=(0,)),
    "Kubernetes: the default": Where(0o644, device=MEMORY),
    "Kubernetes: fsGroup": Where(0o440, group=2000, device=MEMORY),
    "Kubernetes: 0400 as root": Where(0o400, device=MEMORY, runs_as=0, groups=(0,)),
    "systemd: by an access list": Where(0o440, device=RAM),
    "systemd: one's own": Where(0o400, owner=1000, device=RAM),
    "root:valet 0640 on a disk": Where(0o640, group=2000),
    "root:valet 0440 on a disk": Where(0o440, group=1000),
}
REFUSED = {
    "for anybody, on a disk": Where(0o644),
    "for anybody and our group, on a disk": Where(0o644, group=2000),
    "for a group that is not ours": Where(0o640, group=3000),
    "for root's group, as root": Where(0o640, runs_as=0, groups=(0,)),
    "one's own, for one's group": Where(0o640, owner=1000, group=1000),
    "one's own, for anybody, in memory": Where(0o644, owner=1000, group=1000, device=MEMORY),
    "somebody else's, in memory": Where(0o644, owner=1001, device=MEMORY),
    "somebody else's": Where(0o600, owner=1001),
    "the user's, as root": Where(0o600, owner=1000, runs_as=0, groups=(0,)),
    "our group may write": Where(0o660, group=2000),
    "our group may run it": Where(0o650, group=2000),
    "anybody may write, in memory": Where(0o666, device=MEMORY),
    "anybody may run it, in memory": Where(0o445, device=MEMORY),
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    monkeypatch.setattr(access, "_MOUNTS", mounts)

    def ask(where: Where) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: where.runs_as)
        monkeypatch.setattr(os, "getegid", lambda: where.groups[0])
        monkeypatch.setattr(os, "getgroups", lambda: list(where.groups[1:]))
        mode = stat.S_IFREG | where.mode
        refuse_unsafe(
            Path("/a ring"),
            os.stat_result((mode, 7, where.device, 1, where.owner, where.group, 9, 0, 0, 0)),
        )

    return ask


@pytest.mark.parametrize("name", READ)
def test_what_is_ours_or_given_to_us_is_read(asked: Ask, name: str) -> None:
    asked(READ[name])


@pytest.mark.parametrize("name", REFUSED)
def test_what_others_could_read_or_change_is_refused(asked: Ask, name: str) -> None:
    where = REFUSED[name]
    with pytest.raises(Unsafe, match=r"Run: (chmod 600|chown \d+) '/a ring'$"):
        asked(where)


def test_a_mount_with_a_name_in_no_encoding_hides_no_other(asked: Ask) -> None:
    """Linux takes any bytes for a name."""
    access._MOUNTS.write_bytes(b"7 1 0:7 / /\xff\xfe rw - ext4 /dev/\xff rw\n" + MOUNTS.encode())
    asked(Where(0o444, device=MEMORY))


def test_without_a_list_of_mounts_nothing_is_in_memory(asked: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_MOUNTS", Path("/there is no such file"))
    with pytest.raises(Unsafe):
        asked(Where(0o444, device=MEMORY))


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="Linux only")
def test_this_machines_own_mounts_are_understood() -> None:
    """Every mount point that can be seen as the top of its own file system is judged by its type."""
    judged = set()
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        point, kind = left.split(" ")[4], right.split(" ")[0]
        try:
            device = os.stat(point).st_dev
        except OSError:
            continue  # hidden from us, or with a name that is written in another way
        if f"{os.major(device)}:{os.minor(device)}" == left.split(" ")[2]:
            assert access._in_memory(device) is (kind in {"tmpfs", "ramfs"}), point
            judged.add(kind)
    assert "proc" in judged
