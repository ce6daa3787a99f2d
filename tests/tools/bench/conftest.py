"""What the tests of benches share."""

import pytest


@pytest.fixture(autouse=True)
def known_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's limits are known, so that no test measures them: that takes a second each time."""
    monkeypatch.setattr("tools.bench.speed.limits.peak", lambda precision: 1e10)
    monkeypatch.setattr("tools.bench.speed.limits.COPIED", 2**16)
