"""One small gallery and one server for all tests of the server."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from served import TOKEN, Served, fill, serving

from search.server.settings import ServerSettings


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="session")
def served(gallery: Path) -> Iterator[Served]:
    with serving(gallery) as running:
        yield running


@pytest.fixture(scope="session")
def client(served: Served) -> Iterator[httpx.Client]:
    with served.client() as asking:
        yield asking


@pytest.fixture(scope="session")
def locked(gallery: Path) -> Iterator[Served]:
    """A server that needs its token."""
    with serving(gallery, ServerSettings(port=0, token=TOKEN)) as running:
        yield running
