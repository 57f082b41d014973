"""In the role of an ingress controller: a second nginx that ends TLS, or a way through without opening it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.nginx import Nginx
from tests.support.relay import Relay, aside

ADDRESS = "127.0.0.9"
"""The controller's own, by which our nginx knows it."""


class Controller(Nginx):
    """It speaks to `backend` (http://HOST:PORT or https://HOST:PORT) from ADDRESS."""

    template = Path(__file__).parents[1] / "front" / "controller.conf"

    def __init__(self, folder: Path, backend: str) -> None:
        super().__init__(folder, BACKEND=backend, OWN_ADDRESS=ADDRESS)


@contextmanager
def passing_on(front: Nginx) -> Iterator[Nginx]:
    """TLS unopened, as a controller in passthrough does it: `front` under another port, from ADDRESS."""
    outside = copy.copy(front)
    with aside(Relay(front.host, front.https_port, source=ADDRESS)) as relay:
        outside.https_port = relay.port
        yield outside
