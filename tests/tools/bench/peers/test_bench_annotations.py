"""bench annotations: ours and SciPy read the same of a made-up file, and the command tells where they do not."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools.bench.peers import annotations as bench
from tools.main import main

WORDS = [
    "bench",
    "annotations",
    "--queries",
    "4",
    "--gallery",
    "500",
    "--frames",
    "510",
    "--compared-queries",
    "2",
    "--repeats",
    "2",
]


def here(root: Path, gallery: int, repeats: int, *, by_scipy: bool) -> dict[str, Any]:
    """Measure in this process."""
    return bench.measure(root, gallery, repeats, by_scipy)


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets.layouts import cuhk_sysu

    monkeypatch.setattr(bench, "_in_own_process", here)
    monkeypatch.setattr(cuhk_sysu, "LARGE_FILE", 2**10)


def test_both_read_the_same_and_ours_is_timed_whole(tmp_path: Path) -> None:
    file = tmp_path / "annotations.json"
    assert main([*WORDS, "--json", str(file)]) == 0
    figures = json.loads(file.read_text())
    seconds, memory = figures["measured"]
    assert len(seconds["repeats"]) == 2
    assert seconds["value"] == min(seconds["repeats"])
    assert seconds["baseline_value"] == pytest.approx(2 * figures["scipy"]["times"][0])
    assert (seconds["asked"], memory["asked"]) == (10, 1024)
    assert len(figures["ours"]["first"]) == 4
    assert figures["ours"]["first"][:2] == figures["scipy"]["first"]
    assert len(set(figures["ours"]["first"])) == 4


def test_another_reading_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    right = bench.measure

    def wrong(root: Path, gallery: int, repeats: int, by_scipy: bool) -> dict[str, Any]:
        figures = right(root, gallery, repeats, by_scipy)
        return figures | {"first": [one + (not by_scipy) for one in figures["first"]]}

    monkeypatch.setattr(bench, "measure", wrong)
    assert main(WORDS) == 1
    assert "the two readers read something else" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [("--gallery 7", "galleries of 7 of 6978 frames"), ("--repeats 0", "repeats is 0"), ("--queries 0", "0 queries")],
)
def test_what_cannot_be_measured_is_refused(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "annotations", *words.split()]) == 2
    assert told in capsys.readouterr().err
