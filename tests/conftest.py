"""What every test has: fixed seeds, one thread, plots without a screen, real data where it is, object storage."""

import logging
import os
import random
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("PERSONSEARCH_RUNTIME", "torch")  # what is faster is measured for seconds, where tests ask for it
os.environ["TZ"] = "UTC"  # the zone of this machine, in which times without a zone are read and shown
time.tzset()

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's root folder."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder `shared` beside the repository, oracles and real data; the test skips where it is absent."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the folder 'shared' (oracles and real data) beside the repository")
    return folder


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """The same random numbers whatever ran before; torch only where a test has imported it."""
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where this test alone keeps converted networks and measurements, which is not there yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "personsearch" / "runtime"


@pytest.fixture(scope="session", autouse=True)
def no_line_every_half_minute() -> None:
    """A command that takes long on a busy machine says no more than on an idle one."""
    from tools import progress

    progress.SECONDS_BETWEEN_LINES = 3600.0


@pytest.fixture(scope="session")
def object_server() -> Iterator[str]:
    """The address of a server of object storage on this machine, which knows every bucket that it is asked to make."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for every request
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(object_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty bucket, which the environment of this test leads to."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {"ACCESS_KEY_ID": "key-of-tests", "SECRET_ACCESS_KEY": "secret-of-tests"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", object_server)
    name = f"bucket-{uuid.uuid4().hex}"
    urlopen(Request(f"{object_server}/{name}", method="PUT"), timeout=30).close()
    return f"s3://{name}"
