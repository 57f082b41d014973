"""The image, put together once for all tests of it; the schemas of Kubernetes, read once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import kubernetes_validate
import pytest
from kubernetes_validate.utils import schema_contents

from tests.support import image


@pytest.fixture(scope="session")
def opt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image has in /opt/valet; of all workers the first that needs it makes it."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "image"
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "whole").exists():
            place.mkdir()
            image.prefix(place)
            (place / "whole").touch()
    return place / "opt"


@pytest.fixture(scope="module")
def read_once() -> Iterator[None]:
    """The schemas are megabytes of JSON, which `kubernetes-validate` reads again for each manifest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kubernetes_validate.utils, "schema_contents", cache(schema_contents))
        yield
