"""Several proxies before nginx: each network of the list is believed as one would be, and nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from connect.address import Proxies
from tests.front.conftest import SHORT, Porch
from tests.front.raw import upstreams
from tests.support.controller import ADDRESS, Controller
from tests.support.debian import program
from tests.support.nginx import CONF, NOBODY, Nginx, fill

LIST = "127.0.0.2,127.0.4.0/24, ::1 fd00:aa::/32,127.0.0.2,10.0.0.0/8"
"""Addresses and networks of both kinds, separated in each way, and one of them twice."""
BELIEVED = ("127.0.0.2", "127.0.4.0", "127.0.4.255", "::1")
OTHERS = ("127.0.0.1", "127.0.0.3", "127.0.3.255", "127.0.5.0")
CLIENT = "192.0.2.1"
CLOUDFLARE = (
    "173.245.48.0/20,103.21.244.0/22,103.22.200.0/22,103.31.4.0/22,141.101.64.0/18,108.162.192.0/18,"
    "190.93.240.0/20,188.114.96.0/20,197.234.240.0/22,198.41.128.0/17,162.158.0.0/15,104.16.0.0/13,"
    "104.24.0.0/14,172.64.0.0/13,131.0.72.0/22,2400:cb00::/32,2606:4700::/32,2803:f800::/32,2405:b500::/32,"
    "2405:8100::/32,2a06:98c0::/29,2c0f:f248::/32"
)
"""What https://www.cloudflare.com/ips/ lists."""


@pytest.fixture(scope="module")
def porch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Porch]:
    """One socket for IPv4 and IPv6, as compose.yaml has it. Four calls of one address are its most."""
    few = {
        **SHORT,
        "zone=calls:10m rate=200r/s": "zone=calls:10m rate=1r/m",
        "zone=calls burst=1000 nodelay": "zone=calls burst=3 nodelay",
    }
    with upstreams(2) as (workers, sidecar):
        folder = tmp_path_factory.mktemp("proxies")
        nginx = Nginx(folder, few, MCP_1=workers.address, CONNECT_1=sidecar.address, TRUSTED_PROXY=LIST)
        nginx.given["HTTPS_PORT"] = f"[::]:{nginx.https_port} ipv6only=off"
        with nginx:
            yield Porch(nginx, workers, sidecar)


def counted(porch: Porch, source: str, *forwarded: str, path: str = "/x") -> str:
    """Whose request it is, where it comes from `source` and X-Forwarded-For has those."""
    fields = [f"X-Forwarded-For: {', '.join(forwarded)}"] if forwarded else []
    assert porch.post(path, *fields, source=source).status == 200
    [received] = [*porch.workers.take(), *porch.sidecar.take()]
    [address] = received.all("x-forwarded-for")
    return address.removeprefix("::ffff:")


@pytest.mark.parametrize("path", ["/mcp", "/token", "/files/x"])
@pytest.mark.parametrize("source", BELIEVED)
def test_each_network_of_the_list_says_who_asks(source: str, path: str, porch: Porch) -> None:
    client = f"198.51.100.{BELIEVED.index(source)}"
    assert counted(porch, source, client, path=path) == client


@pytest.mark.parametrize("source", OTHERS)
def test_nobody_beside_the_list_is_believed(source: str, porch: Porch) -> None:
    """Neither a network's neighbours, nor somebody who says that proxies of the list came before."""
    assert counted(porch, source, CLIENT) == source
    assert counted(porch, source, CLIENT, "127.0.0.2", "::1") == source


def test_a_neighbour_by_ipv6_is_not_believed(porch: Porch) -> None:
    porch.nginx.reload(TRUSTED_PROXY="127.0.0.2 ::2/127,fd00:aa::/32")
    try:
        assert counted(porch, "::1", CLIENT) == "::1"
        assert counted(porch, "127.0.0.2", CLIENT, "::3") == CLIENT
    finally:
        porch.nginx.reload(TRUSTED_PROXY=LIST)


@pytest.mark.parametrize(
    ("source", "forwarded", "who"),
    [
        ("127.0.0.2", (CLIENT, "127.0.4.7"), CLIENT),
        ("127.0.4.7", (CLIENT, "10.1.2.3", "::1", "fd00:aa::5", "127.0.0.2"), CLIENT),
        ("::1", ("2001:db8::1", "::ffff:127.0.4.7"), "2001:db8::1"),
        ("127.0.0.2", (CLIENT, "127.0.0.3"), "127.0.0.3"),
        ("127.0.0.2", (CLIENT, "127.0.0.3", "127.0.4.7"), "127.0.0.3"),
        ("::1", (CLIENT, "127.0.0.2", "fd00:ab::5", "fd00:aa::5"), "fd00:ab::5"),
        ("127.0.0.2", (CLIENT, "nonsense", "127.0.4.7"), "127.0.4.7"),
        ("127.0.0.2", ("127.0.4.8", "127.0.4.7"), "127.0.4.8"),
        ("127.0.0.2", (), "127.0.0.2"),
    ],
    ids=["two", "five", "mapped", "spoofed", "between", "between-by-6", "nonsense", "their-own", "silent"],
)  # fmt: skip
def test_the_way_is_read_from_the_right_up_to_the_first_who_is_not_of_the_list(
    source: str, forwarded: tuple[str, ...], who: str, porch: Porch
) -> None:
    assert counted(porch, source, *forwarded) == who


def test_the_limits_and_the_log_hear_the_same(porch: Porch) -> None:
    """By whichever proxies somebody comes, it is one address; and so is who lies about it."""

    def call(source: str, client: str) -> int:
        return porch.post("/mcp", f"X-Forwarded-For: {client}", source=source).status

    assert [call(source, "192.0.2.20") for source in (*BELIEVED, "127.0.4.9")] == [200] * 4 + [429]
    assert call("127.0.4.9", "192.0.2.21") == 200, "another one of the same proxy's"
    assert [call("127.0.0.3", f"192.0.2.{number}") for number in range(30, 35)] == [200] * 4 + [429]
    assert len(porch.workers.take()) == 9
    for address, status in (("192.0.2.20", 429), ("192.0.2.21", 200), ("::ffff:127.0.0.3", 429)):
        porch.nginx.logged("/mcp", address=address, status=status)


@pytest.mark.parametrize(("sources", "believed"), [(BELIEVED, True), (OTHERS, False)])
def test_each_of_the_list_is_believed_about_how_it_came_and_nobody_else(
    sources: tuple[str, ...], believed: bool, porch: Porch
) -> None:
    fields = (f"X-Forwarded-For: {CLIENT}", "X-Forwarded-Proto: http")
    for source in sources:
        assert porch.post("/token", *fields, source=source).status == (403 if believed else 200), source
        assert porch.get("/x", *fields, source=source).status == (301 if believed else 200), source
    assert len(porch.sidecar.take()) == (0 if believed else 2 * len(sources))


@pytest.mark.parametrize("nobody", ["", " , ", NOBODY])
def test_where_nobody_is_named_nobody_is_believed(nobody: str, porch: Porch) -> None:
    porch.nginx.reload(TRUSTED_PROXY=nobody)
    try:
        for source in (*BELIEVED, *OTHERS):
            assert counted(porch, source, CLIENT) == source
    finally:
        porch.nginx.reload(TRUSTED_PROXY=LIST)


def test_a_whole_cdn_is_named_and_none_of_its_neighbours(porch: Porch) -> None:
    """Each network from its first address to its last, and neither the one before nor the one behind."""
    named = Proxies.read(CLOUDFLARE.split(","))
    porch.nginx.reload(TRUSTED_PROXY=f"127.0.0.2,{CLOUDFLARE}")
    try:
        for network in named.networks:
            for address in (network[0] - 1, network[0], network[-1], network[-1] + 1):
                who = CLIENT if address in named else str(address)
                assert counted(porch, "127.0.0.2", CLIENT, str(address)) == who
    finally:
        porch.nginx.reload(TRUSTED_PROXY=LIST)


@pytest.mark.parametrize(
    ("trusted", "who"),
    [(f"127.0.0.8,{ADDRESS}", "127.0.0.53"), (ADDRESS, "127.0.0.8"), ("127.0.0.8", ADDRESS)],
    ids=["both", "the-nearer", "the-farther"],
)
def test_a_cdn_before_a_load_balancer(trusted: str, who: str, tmp_path: Path) -> None:
    """Two real ones, each of which adds whom it sees. One that is not named is who asks, for everybody."""
    cdn, balancer = Controller(tmp_path / "cdn", ""), Controller(tmp_path / "balancer", "")
    with (
        upstreams(2) as (workers, sidecar),
        Nginx(
            tmp_path, SHORT, MCP_1=workers.address, CONNECT_1=sidecar.address,
            PUBLIC_URL=cdn.url, TRUSTED_PROXY=trusted,
        ) as nginx,
    ):  # fmt: skip
        balancer.given["BACKEND"] = nginx.url
        cdn.given |= {"BACKEND": balancer.url, "OWN_ADDRESS": "127.0.0.8"}
        with balancer, cdn:
            assert counted(Porch(cdn, workers, sidecar), "127.0.0.53", CLIENT, "127.0.0.8") == who


# How the list is read


@dataclass
class Shell:
    """What runs the script, with which programs; and an nginx for which all else is ready."""

    command: list[str]
    path: str
    nginx: Nginx

    def fill(self, trusted: str) -> CompletedProcess[str]:
        """The configuration for that list, and no older one."""
        self.nginx.file.unlink(missing_ok=True)
        return fill(
            CONF, self.nginx.folder, {**self.nginx.values, "TRUSTED_PROXY": trusted}, self.command, self.path
        )


@pytest.fixture(scope="module", params=["sh", "busybox"])
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """The system's, and that of the image, which has no other programs than busybox's."""
    folder = tmp_path_factory.mktemp("shell")
    nginx = Nginx(folder, MCP_1="127.0.0.1:1", CONNECT_1="127.0.0.1:2")
    nginx.prepare()
    if request.param == "sh":
        return Shell(["sh"], "", nginx)
    box, places = program("busybox", "busybox"), folder / "bin"
    places.mkdir()
    for name in ("grep", "sed", "sort", "tr"):
        (places / name).symlink_to(box)
    (places / "nginx").symlink_to(program("nginx", "nginx-light"))
    return Shell([box, "sh"], str(places), nginx)


WELL = (
    "10.0.0.7", "10.0.0.7/32", "10.0.0.0/8", "172.16.0.0/12", "192.0.2.128/25", "128.0.0.0/1",
    "255.255.255.255", "2001:db8::", "::1", "::", "1::8", "1:2:3:4:5:6:7:8", "::2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7::", "2001:DB8:0:0::/33", "2a06:98c0::/29", "2001:db8::1/128", "fe80:0:0:0:0:0:0:0/10",
    "8000::/1",
)  # fmt: skip


def test_what_is_taken_is_what_valet_takes_and_each_stands_on_a_line_of_its_own(shell: Shell) -> None:
    assert len(Proxies.read(WELL).networks) == len(WELL)
    for trusted in (",".join(WELL), " \n".join(WELL), ", ".join(WELL) + ",\r\n"):
        ran = shell.fill(trusted)
        assert (ran.returncode, ran.stderr) == (0, "")
        believed = re.findall(r"^ *set_real_ip_from (.*);$", shell.nginx.file.read_text(), re.MULTILINE)
        assert tuple(believed) == WELL


STRANGE = (
    "nginx", "cafe", "cdn.example.org", "unix:", "*", "-n", "\\n", "$(id)", "`id`", "${PUBLIC_URL}",
    "1.2.3.4|e", "&", "1.2.3", "1.2.3.4.", "1.2.3.4.5", "1..3.4", "1.2.3.256", "01.2.3.4", "1.2.3.a",
    "16909060", "1.2.3.4:80", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/8/8", "1.2.3.4/-1", "/8",
    "1.2.3.4-1.2.3.9", "10.0.0.0/99999999999999999999", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:",
    "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", ":1:2:3:4:5:6:7", "::1::", "1::2::3", "12345::", "g::",
    "::1/129", "[::1]", "1.2::", "2001:db8::/x",
)  # fmt: skip


@pytest.mark.parametrize("entry", STRANGE)
def test_what_is_not_an_address_or_network_is_named_before_nginx_starts(entry: str, shell: Shell) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        Proxies.read([entry])
    ran = shell.fill(f"10.0.0.0/8, {entry} ,192.0.2.1")
    assert ran.returncode == 2 and not shell.nginx.file.exists()
    said = (
        f'TRUSTED_PROXY (VALET_FRONT_PROXY in .env): "{entry}" is not an address or a network. Write it as '
    )
    assert ran.stderr.startswith(said) and ran.stderr.endswith(
        "Then: docker compose up -d, or apply your overlay\n"
    )
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("1.2.3.4; } evil", '"1.2.3.4;" is not an address'),
        ("1.2.3.4;\n}\nevil", '"1.2.3.4;" is not an address'),
        (
            "10.1.2.3/8",
            '"10.1.2.3/8" names an address inside a network. Write 10.0.0.0/8 if you mean all of it',
        ),
        ("192.0.2.129/25", "Write 192.0.2.128/25 if"),
        ("2a06:98c1::/29", "Write 2a06:98c0:0:0:0:0:0:0/29 if"),
        ("2001:db8::1/127", "Write 2001:db8:0:0:0:0:0:0/127 if"),
        ("0.0.0.0/0", '"0.0.0.0/0" would let anybody pass for anybody'),
        ("::/0", '"::/0" would let anybody pass for anybody'),
    ],
)
def test_what_can_not_be_meant_is_explained(entry: str, told: str, shell: Shell) -> None:
    with pytest.raises(ValueError, match=r"not an address|inside a network|anybody"):
        Proxies.read([entry])
    ran = shell.fill(f"10.0.0.0/8,{entry}")
    assert ran.returncode == 2 and told in ran.stderr and not shell.nginx.file.exists()
