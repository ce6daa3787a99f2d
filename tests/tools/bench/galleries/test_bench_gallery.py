"""The bench of galleries measures what it says, and notices a wrong answer."""

import json
from pathlib import Path

import pytest

from tools.bench.galleries import searching
from tools.bench.galleries.filling import Crowd
from tools.main import main


def test_a_small_gallery_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    small = ["--rows", "1201", "--dim", "16", "--searches", "3", "--compared", "7", "--json", str(file)]
    assert main(["bench", "gallery", *small]) == 0
    text = capsys.readouterr().out
    assert "7 of 7 answers are those of the full comparison" in text
    figures = json.loads(file.read_text())
    assert figures["wrong"] == 0
    for where in ("tables", "memory", "plain NumPy"):
        for part in ("everything", "one camera and hour"):
            assert 0 < figures["times"][f"{where}, {part}"]["p50"] <= figures["times"][f"{where}, {part}"]["p95"]
    assert figures["disk"]["tables"] > 1201 * 16 * 4
    assert figures["base_mb"] < figures["resident_mb"] * 1.1


def test_a_wrong_answer_is_noticed() -> None:
    crowd = Crowd(400, 16)
    rows = crowd.embeddings(0, 400)
    _, true = searching.plain(crowd, rows, 1, 3)
    assert [len(one) for one in true] == [20, 20, 20]
    _, other = searching.plain(crowd, -rows, 1, 3)
    assert all(one != two for one, two in zip(true, other, strict=True))


def test_what_cannot_be_measured_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "gallery", "--rows", "0"]) == 2
    assert "rows is 0, expected at least 1" in capsys.readouterr().err
    assert main(["bench", "gallery", "--folder", str(tmp_path)]) == 2
    assert "exists; name a folder that does not" in capsys.readouterr().err
