"""In the role of an ingress controller: a second nginx that ends TLS, or a way through without opening it."""

from __future__ import annotations

import copy
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.nginx import Nginx
from tests.support.ports import free_port

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
    outside.https_port = free_port()
    listening = socket.create_server((front.host, outside.https_port))

    def carry(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def one(client: socket.socket) -> None:
        place = (front.host, front.https_port)
        with client, socket.create_connection(place, source_address=(ADDRESS, 0)) as server:
            back = threading.Thread(target=carry, args=(server, client), daemon=True)
            back.start()
            carry(client, server)
            back.join()

    def serve() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(client,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield outside
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
