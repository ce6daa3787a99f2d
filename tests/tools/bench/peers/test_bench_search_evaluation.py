"""bench search-evaluation: the loop of public code and ours find the same, and the command tells where they do not."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.evaluation.protocols import evaluate_search
from tools.bench.peers import search_evaluation as bench
from tools.bench.peers.search_loops import loop_average_precisions, protocol_records
from tools.main import main

SMALL = bench.FrameSearch(queries=12, frames=40, people=150, dimension=8, seen=4, seed=2)
WORDS = "bench search-evaluation --queries 12 --frames 40 --people 150 --dimension 8 --seen 4 --gallery-sizes 10,40"


def loop(given: bench.Problem) -> np.ndarray:
    arrays = {name: (found.boxes.numpy(), found.embeddings.numpy()) for name, found in given.detections.items()
              if len(found) and found.embeddings is not None}  # fmt: skip
    return loop_average_precisions(arrays, [protocol_records(one) for one in given.queries], given.embeddings)


@pytest.mark.parametrize("size", [4, 10, 40])
def test_the_loop_and_ours_find_the_same(size: int) -> None:
    given = bench.made(SMALL, size)
    ours = evaluate_search(given.detections, given.queries, given.embeddings).average_precisions
    np.testing.assert_allclose(ours, loop(given), atol=1e-6)
    assert 0.2 < ours.mean() < 1


def test_the_problem_is_the_same_for_the_same_seed_and_of_the_size_asked_for() -> None:
    given, again = bench.made(SMALL, 10), bench.made(SMALL, 10)
    assert sum(len(found) for found in given.detections.values()) == 150
    assert len(given.detections) == 40
    for one, other in zip(given.queries, again.queries, strict=True):
        assert len(one.gallery) == 10
        assert 1 <= len(one.gallery.true_boxes) <= 4  # type: ignore[attr-defined]
        assert [name for name, _ in one.gallery] == [name for name, _ in other.gallery]
    np.testing.assert_array_equal(given.embeddings, again.embeddings)
    np.testing.assert_allclose(np.linalg.norm(given.embeddings, axis=1), 1, atol=1e-6)


def test_the_command_measures_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(bench, "peak_megabytes", lambda: 300.4)  # this process has done other tests before
    file = tmp_path / "search.json"
    assert main([*WORDS.split(), "--repeats", "2", "--compared-queries", "6", "--json", str(file)]) == 0
    figures = json.loads(file.read_text())
    small, small_memory, whole, _ = figures["measured"]
    assert small["name"] == "galleries of 10 frames"
    assert small["value"] == min(small["repeats"]) == figures["rows"][0]["ours"]["seconds"]
    assert small["baseline_value"] == pytest.approx(2 * figures["rows"][0]["loop"]["seconds"])
    assert small_memory["asked"] == 2048
    assert small_memory["value"] == 300
    assert whole["name"] == "galleries of 40 frames"
    assert len(figures["rows"][1]["ours"]["average_precisions"]) == 6


class Here:
    """Does in this process what else a process of its own does."""

    def __init__(self, *given: object, **named: object) -> None: ...

    def __enter__(self) -> "Here":
        return self

    def __exit__(self, *error: object) -> None: ...

    def submit(self, work: Any, *given: Any) -> Any:
        """Do it at once."""
        value = work(*given)
        return type("Done", (), {"result": lambda self: value})()


def test_other_figures_than_the_loops_and_too_much_memory_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(bench, "MOST_MEGABYTES", 5)
    right = bench.measure

    def wrong(problem: bench.FrameSearch, size: int, repeats: int, compared: int, which: str) -> dict:  # type: ignore[type-arg]
        figures = right(problem, size, repeats, compared, which)
        return figures | {"average_precisions": figures["average_precisions"] + 1e-4 * (which == "ours" and size == 40)}

    monkeypatch.setattr(bench, "measure", wrong)
    assert main([*WORDS.split(), "--repeats", "1"]) == 1
    said = capsys.readouterr().err
    assert "galleries of 40: the loop finds other average precisions" in said
    assert "galleries of 10: the loop" not in said
    assert "galleries of 10: " in said
    assert "MB are more than 5" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--gallery-sizes 3", "gallery_sizes is 3, expected numbers from 6, in which the person is seen, to 6978"),
        ("--repeats 0", "repeats is 0, compared_queries 10, expected at least 1 of each"),
        ("--frames 0", "frames is 0, expected at least 1"),
        ("--seen 9 --frames 8", "seen is 9, expected at most the 8 frames"),
    ],
)
def test_what_cannot_be_measured_is_refused(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "search-evaluation", *words.split()]) == 2
    assert told in capsys.readouterr().err
