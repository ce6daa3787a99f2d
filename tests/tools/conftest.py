"""What the tests of several commands share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def square(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic square of one picture a recording and split, in a folder in which tests may put more."""
    from datasets.plaza import write_plaza

    root = tmp_path_factory.mktemp("square") / "world"
    write_plaza(root, seed=300, persons=10, minutes=0.03, frame_width=240)
    return root
