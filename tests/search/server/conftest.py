"""One small gallery and one server for all tests of the server."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from served import TOKEN, Served, blob_search, fill, serving

from search.desk.desk import Desk, DeskSettings
from search.desk.probes import UploadLimits
from search.server.settings import RequestLimits, ServerSettings

SMALL = RequestLimits(upload_bytes=100_000, other_bytes=20_000, seconds=1.0, uploads_at_once=2, header_seconds=1.0)


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


@pytest.fixture(scope="session")
def tight(gallery: Path) -> Iterator[Served]:
    """A server that takes little, so that too much is little too."""
    uploads = UploadLimits(most_bytes=90_000, most_pixels=50_000, a_minute=1000, most_kept=3)
    desk = Desk(DeskSettings(gallery, uploads=uploads), blob_search())
    with serving(gallery, ServerSettings(port=0, limits=SMALL), desk=desk) as running:
        yield running
