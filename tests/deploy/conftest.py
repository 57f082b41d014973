"""The image, put together once for all tests of it; the schemas of Kubernetes, read once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import kubernetes_validate
import pytest
from kubernetes_validate.utils import schema_contents

from tests.support import image


@pytest.fixture(scope="session")
def opt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image has in /opt/valet."""
    return image.prefix(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def read_once() -> Iterator[None]:
    """The schemas are megabytes of JSON, which `kubernetes-validate` reads again for each manifest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kubernetes_validate.utils, "schema_contents", cache(schema_contents))
        yield
