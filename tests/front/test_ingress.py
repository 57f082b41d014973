"""nginx behind an ingress controller, by what deploy/kubernetes/components/ingress says of both.

A second nginx ends TLS in the controller's place and passes on to the listener that the Ingress leads to.
Behind ours are real doors, and for what is counted ports that note what they get.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.cluster import copied
from tests.deploy.test_ingress import led_to
from tests.front.conftest import SHORT, House, Porch, doors
from tests.front.raw import Line, in_the_clear, upstreams
from tests.front.test_doors import CALL, KIND, protected, register
from tests.support import databases
from tests.support.controller import ADDRESS, Controller, passing_on
from tests.support.kustomize import build
from tests.support.nginx import NOBODY, Nginx

TLS = "https"
"""The backend's port where the controller is told to speak TLS to nginx."""


def backend(nginx: Nginx, listener: str) -> str:
    return f"{'https' if listener == 'HTTPS_PORT' else 'http'}://{nginx.values[listener]}"


@pytest.fixture(scope="module", params=["as it is", TLS])
def listener(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the Ingress leads to: as it stands, and as the guide has it for TLS as far as nginx."""
    found = build(copied(tmp_path_factory.mktemp("manifests"), "ingress"))
    return led_to(found, port=TLS) if request.param == TLS else led_to(found)


@pytest.fixture(scope="module")
def behind(
    listener: str, server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[House, Nginx]]:
    """The house as people reach it, by the controller; and our nginx, which believes that one."""
    folder = tmp_path_factory.mktemp("behind")
    controller = Controller(folder / "controller", "")
    with (
        databases.copied(server_url, template) as url,
        doors(url, folder, public=controller.url) as nginx,
    ):
        nginx.given["TRUSTED_PROXY"] = ADDRESS
        controller.given["BACKEND"] = backend(nginx, listener)
        with nginx, controller:
            yield House(controller), nginx


@pytest.fixture
def house(behind: tuple[House, Nginx]) -> House:
    return behind[0]


def test_both_doors_answer_with_all_that_nginx_adds(house: House) -> None:
    health, page = house.get("/healthz"), house.get("/signin")
    challenge = house.post("/mcp", KIND, body=CALL)
    assert (health.status, health.text) == (200, "ok\n")
    assert (page.status, challenge.status) == (200, 401)
    metadata = f'resource_metadata="{house.nginx.url}/.well-known/oauth-protected-resource/mcp"'
    assert metadata in challenge.one("www-authenticate")
    for answer in (health, page, challenge):
        protected(answer)
    issuer = json.loads(house.get("/.well-known/oauth-authorization-server").text)["issuer"]
    assert issuer == house.nginx.url
    assert house.get("/account").one("location").startswith(("/", house.nginx.url + "/"))


def test_https_is_not_led_to_https_again(house: House) -> None:
    """By hand from where somebody types the name without https: one redirect, and no more."""
    request = f"GET /signin HTTP/1.1\r\nHost: {house.host}\r\nConnection: close\r\n\r\n".encode()
    led = in_the_clear(house.nginx, request)
    assert (led.status, led.one("location")) == (301, f"{house.nginx.url}/signin")
    assert house.get("/signin").status == 200
    assert house.get("/signin", "X-Forwarded-Proto: http").status == 200, (
        "the controller's word, not the client's"
    )


@pytest.mark.parametrize("path", ["/mcp", "/token"])
def test_what_was_sent_to_the_controller_in_the_clear_is_refused(
    path: str, house: House, behind: tuple[House, Nginx]
) -> None:
    fields = ("Authorization: Bearer x", "X-Forwarded-Proto: https", "Content-Length: 2")
    answer = in_the_clear(house.nginx, house.ask(f"POST {path} HTTP/1.1", *fields, body=b"{}"))
    assert answer.status == 403 and f"Use {house.nginx.url}:" in answer.text
    assert behind[1].logged(path, status=403)["worker"] == "", "no door has heard of it"
    protected(answer)


def test_host_and_origin_are_judged_as_ever(house: House) -> None:
    for path in ("/mcp", "/signin"):
        assert house.say(house.ask(f"GET {path} HTTP/1.1", host="evil.example")).status == 421
    assert house.get("//mcp").status == 404 and house.get("/%6dcp").status == 404
    assert house.post("/mcp", KIND, f"Origin: {house.nginx.url}", body=CALL).status == 401
    assert house.post("/mcp", KIND, "Origin: https://evil.example", body=CALL).status == 403


def test_bodies_as_large_as_nginx_takes_pass(house: House) -> None:
    most = house.post("/mcp", KIND, "Authorization: Bearer nonsense", body=bytes(1_000_000))
    assert most.status == 401, "a worker has read it"
    assert house.post("/mcp", KIND, body=bytes(1_000_001)).status == 413


def test_limits_count_who_asked_the_controller(house: House, behind: tuple[House, Nginx]) -> None:
    """As tests/front/test_doors.py has it without a controller: a burst of 120 registrations an address."""
    got = [
        register(house, "127.0.0.50", f"X-Forwarded-For: 198.51.100.{number}").status
        for number in range(1, 151)
    ]
    assert 120 <= got.count(201) < 150 and set(got) == {201, 429}
    assert register(house, "127.0.0.51").status == 201, "nobody else is held up"
    assert register(house, "127.0.0.52", "X-Forwarded-For: 127.0.0.50").status == 201
    behind[1].logged("/register", address="127.0.0.52")


@pytest.mark.parametrize(("trusted", "counted"), [(ADDRESS, "127.0.0.53"), (NOBODY, ADDRESS)])
def test_only_a_controller_that_is_named_says_who_asks(
    trusted: str, counted: str, listener: str, tmp_path: Path
) -> None:
    """Where it is not, all goes on, and everybody has its address: no loop, no way to be somebody else."""
    controller = Controller(tmp_path / "controller", "")
    with (
        upstreams(2) as (workers, sidecar),
        Nginx(
            tmp_path, SHORT, MCP_1=workers.address, CONNECT_1=sidecar.address,
            PUBLIC_URL=controller.url, TRUSTED_PROXY=trusted,
        ) as nginx,
    ):  # fmt: skip
        controller.given["BACKEND"] = backend(nginx, listener)
        with controller:
            porch = Porch(controller, workers, sidecar)
            for path in ("/mcp", "/token"):
                sent = porch.post(path, "X-Forwarded-For: 192.0.2.1", source="127.0.0.53")
                assert sent.status == 200
            received = [*workers.take(), *sidecar.take()]
    assert [one.all("x-forwarded-for") for one in received] == [[counted]] * 2
    assert [one.all("x-forwarded-proto") for one in received] == [["https"]] * 2


def test_through_unopened_tls_nobody_names_an_address(tmp_path: Path) -> None:
    with (
        upstreams(2) as (workers, sidecar),
        Nginx(tmp_path, SHORT, MCP_1=workers.address, CONNECT_1=sidecar.address) as nginx,
        passing_on(nginx) as outside,
    ):
        porch = Porch(outside, workers, sidecar)
        assert porch.post("/token", "X-Forwarded-For: 192.0.2.1", source="127.0.0.54").status == 200
        [received] = sidecar.take()
    assert received.all("x-forwarded-for") == [ADDRESS]


# What stands at the listener for proxies


@pytest.fixture(scope="module")
def porch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Porch]:
    """Spoken to at its listener for proxies, as if that were its plain one."""
    with upstreams(2) as (workers, sidecar):
        folder = tmp_path_factory.mktemp("proxied")
        with Nginx(folder, SHORT, MCP_1=workers.address, CONNECT_1=sidecar.address) as nginx:
            nginx.http_port = nginx.proxy_port
            yield Porch(nginx, workers, sidecar)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (["X-Forwarded-Proto: https"], 200),
        (["X-Forwarded-Proto: HTTPS"], 200),
        ([], 403),
        (["X-Forwarded-Proto: http"], 403),
        (["X-Forwarded-Proto: https, http"], 403),
        (["X-Forwarded-Proto: on|x x|GET|https"], 403),
        (["Forwarded: proto=https", "X-Forwarded-Ssl: on", "X-Forwarded-Scheme: https"], 403),
    ],
    ids=["https", "capitals", "nothing", "http", "several", "crooked", "others"],
)
def test_only_what_is_called_https_is_taken_there(said: list[str], status: int, porch: Porch) -> None:
    answer = in_the_clear(
        porch.nginx, porch.ask("POST /token HTTP/1.1", *said, "Content-Length: 2", body=b"{}")
    )
    assert answer.status == status
    page = in_the_clear(porch.nginx, porch.ask("GET /x?a=b HTTP/1.1", *said))
    assert page.status == (200 if status == 200 else 301)
    assert page.all("location") == ([] if status == 200 else [f"{porch.nginx.url}/x?a=b"])
    assert len(porch.sidecar.take()) == (2 if status == 200 else 0)


def test_who_looks_after_its_health_may_ask_by_address_and_in_the_clear(porch: Porch) -> None:
    """What a cloud's load balancer sends: its own Host or none, no X-Forwarded-Proto; only 200 will do."""
    for asked in (
        porch.ask("GET /healthz HTTP/1.1", host="10.244.3.7:8081"),
        porch.ask("HEAD /healthz HTTP/1.1", "Connection: close", host="10.244.3.7:8081"),
        b"GET /healthz HTTP/1.0\r\n\r\n",
    ):
        with Line(porch.nginx, plain=True) as line:
            line.send(asked)
            assert line.until(b"\r\n").startswith(b"HTTP/1.1 200 ")
        [seen] = porch.sidecar.take()
        assert seen.all("host") == [porch.host], "whatever was asked, it goes on by our name"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /healthz/ HTTP/1.1", 421),
        ("GET /healthz?a=b HTTP/1.1", 421),
        ("GET /healthz|GET%20/healthz HTTP/1.1", 421),
        ("GET /x|||301|GET%20/healthz HTTP/1.1", 421),
        ("GET //healthz HTTP/1.1", 421),
        ("POST /healthz HTTP/1.1", 421),
        ("GET /signin HTTP/1.1", 421),
    ],
)
def test_nothing_else_is_answered_to_a_stranger(line: str, status: int, porch: Porch) -> None:
    asked = porch.ask(line, "Content-Length: 0", host="10.244.3.7:8081")
    for answer in (porch.say(asked), in_the_clear(porch.nginx, asked)):
        assert answer.status == status
    assert not porch.sidecar.take()


def test_over_tls_a_client_that_nobody_vouches_for_is_not_asked_how_it_came(tmp_path: Path) -> None:
    """What a stranger says of itself is nothing, and neither is what a proxy that is believed leaves out."""
    with (
        upstreams(2) as (workers, sidecar),
        Nginx(
            tmp_path, SHORT, MCP_1=workers.address, CONNECT_1=sidecar.address, TRUSTED_PROXY=ADDRESS
        ) as nginx,
    ):
        porch = Porch(nginx, workers, sidecar)
        known = "X-Forwarded-For: 192.0.2.1"
        for source, fields, status in (
            ("127.0.0.8", (known, "X-Forwarded-Proto: http"), 200),
            (ADDRESS, (known,), 200),
            (ADDRESS, (known, "X-Forwarded-Proto: https"), 200),
            (ADDRESS, (known, "X-Forwarded-Proto: http"), 403),
        ):
            assert porch.post("/token", *fields, source=source).status == status, (source, fields)
