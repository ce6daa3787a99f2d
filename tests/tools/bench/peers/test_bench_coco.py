"""bench coco: both engines find the same figures of the same boxes, and another engine's are told."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools.bench.peers import coco as bench
from tools.main import main

pytest.importorskip("faster_coco_eval")


def test_both_are_timed_on_the_same_boxes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "coco.json"
    assert main(["bench", "coco", "--frames", "30", "--repeats", "2", "--json", str(file)]) == 0
    figures = json.loads(file.read_text())
    plain, faster = figures["measured"]
    assert plain["value"] == min(figures["times"]["pycocotools"])
    assert faster["value"] == min(figures["times"]["faster-coco-eval"])
    assert faster["baseline_value"] == plain["value"]
    assert len(faster["repeats"]) == 2
    assert figures["apart"] < 1e-12
    assert "30 frames" in capsys.readouterr().out


def test_other_figures_are_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    right = bench.timed

    def wrong(engine: tuple[Any, Any], *given: Any) -> tuple[float, np.ndarray]:
        seconds, precisions = right(engine, *given)
        return seconds, precisions + (1e-6 if "faster" in engine[1].__name__ else 0)

    monkeypatch.setattr(bench, "timed", wrong)
    assert main(["bench", "coco", "--frames", "5", "--repeats", "1"]) == 1
    assert "the precisions differ by 1e-06" in capsys.readouterr().err


def test_what_cannot_be_measured_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "coco", "--repeats", "0"]) == 2
    assert "repeats is 0" in capsys.readouterr().err
    assert main(["bench", "coco", "--people", "1"]) == 2
    assert "of 1 people" in capsys.readouterr().err
