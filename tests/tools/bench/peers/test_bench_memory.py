"""bench memory: ours and the loops have one result, and another result is told."""

import json
from pathlib import Path

import pytest

from reid.losses.memory import IdentityTable, PooledTable
from tools.bench.peers.memory import Boxes
from tools.bench.peers.memory_loops import Step, errors, operations
from tools.main import main

SMALL = "--boxes 30 --dimension 16 --identities 40 --queue 12 --cameras 2 --people 6 --unlabelled 0.4"


@pytest.mark.parametrize("boxes", [Boxes(30, 16, 40, 12, 2, 6, 0.4), Boxes(50, 8, 9, 5, 1, 1, 0.0, seed=3)])
def test_ours_and_the_loops_have_one_result(boxes: Boxes) -> None:
    found = errors(Step.of(boxes))
    assert len(found) == 6
    assert all(error < 1e-5 for error in found.values()), found


def test_every_part_is_measured_beside_its_loop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "memory.json"
    words = ["bench", "memory", *SMALL.split(), "--repeats", "3"]
    assert main([*words, "--json", str(file)]) == 0
    figures = json.loads(file.read_text())
    whole = figures["measured"][-1]
    assert whole["name"] == "the whole step"
    assert whole["value"] == pytest.approx(1000 * sum(figures["ours"].values()))
    assert whole["baseline_value"] == pytest.approx(1000 * sum(figures["loop"].values()))
    assert figures["measured"][-2]["asked_ratio"] == 20
    assert figures["measured"][-2]["value"] < whole["value"]
    assert [len(one["repeats"]) for one in figures["measured"]] == [3, 3, 3, 3, 0, 0]
    assert figures["operations"] == 2 * 2 * 18 * 52 * 16
    assert 0 < figures["operations_per_second"] < figures["most_operations_per_second"]
    assert "TOIM, tables written" in capsys.readouterr().out


@pytest.mark.parametrize(("table", "told"), [(IdentityTable, "OIM's tables differs"), (PooledTable, "TOIM's tables")])
def test_another_result_is_told(
    table: type, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = table.update

    def wrong(memory: object, embeddings: object, *given: object) -> object:
        return right(memory, 1.001 * embeddings if len(embeddings) == 30 else embeddings, *given)  # type: ignore[operator, arg-type]

    monkeypatch.setattr(table, "update", wrong)
    assert main(["bench", "memory", *SMALL.split(), "--repeats", "1"]) == 1
    assert told in capsys.readouterr().err


def test_the_products_are_counted_for_the_boxes_that_are_known() -> None:
    assert operations(Boxes(unlabelled=0.0)) == 4 * 640 * (5532 + 5000) * 256


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--boxes 0", "boxes is 0, expected at least 1"),
        ("--unlabelled 1", "unlabelled is 1.0, expected a share from 0 to less than 1"),
        ("--repeats 0", "repeats is 0, expected at least 1"),
    ],
)
def test_what_cannot_be_measured_is_refused(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "memory", *words.split()]) == 2
    assert told in capsys.readouterr().err
