"""What every test has: fixed seeds, one thread, plots without a screen, and the shared real data where it is."""

import os
import random
import sys
import time
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
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


@pytest.fixture(scope="session", autouse=True)
def no_line_every_half_minute() -> None:
    """A command that takes long on a busy machine says no more than on an idle one."""
    from tools import progress

    progress.SECONDS_BETWEEN_LINES = 3600.0
