"""bench training: its figures say what was waited for, and what cannot be measured is refused."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from detection.loader import Batch, load_batches
from tools.bench.speed.machine import peak_megabytes
from tools.main import main

TINY = """
detector: {backbone: resnet18, pyramid_levels: [1, 2], pyramid_channels: 16, anchor_sizes: [[24], [48], [96]],
  anchor_ratios: [2.5], box_features: 16, min_size: 64, max_size: 96, rpn_post_nms: 10, box_batch: 16}
embedding: {dimension: 16, pool_height: 8, pool_width: 4, channels: 16}
training: {batch_size: 2, workers: 0}
steps: 3
warmup_steps: 1
people: 2
frame_width: 96
frame_height: 64
identities: 5
"""


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    (tmp_path / "tiny.yaml").write_text(TINY)
    return ["bench", "training", "--config", str(tmp_path / "tiny.yaml"), "--json", str(tmp_path / "bench.json")]


def peak_gigabytes() -> float:
    return peak_megabytes() * 2**20 / 1e9


def test_waiting_for_frames_slows_the_whole_and_not_the_network(
    tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a loader that needs a third of a second for each batch."""
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("the memory of the process is what is looked at")
    loaded = []

    def slowly(*given: object, **named: object) -> Iterator[Batch]:
        for batch in load_batches(*given, **named):
            time.sleep(1 / 3)
            loaded.append([tuple(image.shape) for image in batch.images])
            yield batch

    monkeypatch.setattr("detection.training.load_batches", slowly)
    before = peak_gigabytes()
    assert main([*words, "--against-plain", "false"]) == 0
    figures = json.loads((tmp_path / "bench.json").read_text())
    assert figures["plain"] is None
    assert loaded == [[(3, 64, 96)] * 2] * 5, "three steps, one before them, and the last, which saves the model"
    assert figures["steps"] == 3
    assert figures["batch_size"] == 2
    assert figures["input"] == [64, 96]
    assert figures["backbone"] == "resnet18"
    whole, network = figures["frames_per_second"], figures["frames_per_second_network"]
    assert 0.05 < whole <= 2 * 3
    assert network < 1000
    # What a step costs beyond the network is what it waits: a mean beside a median, on a machine that may be busy.
    assert 2 / whole - 2 / network > 0.1
    assert 0.05 < before <= figures["peak_memory_gigabytes"] <= peak_gigabytes()
    printed = capsys.readouterr().out
    assert f"{whole:.2f}" in printed
    assert f"{network:.2f}" in printed
    assert f"{figures['peak_memory_gigabytes']:.2f}" in printed


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("--steps 0", "steps is 0, expected 1 or more"),
        ("--warmup-steps 0", "warmup_steps is 0, expected 1 or more"),
        ("--people 0", "people is 0, expected 1 or more"),
        ("--identities 0", "identities is 0, expected 1 or more"),
        ("--frame-width 4", "frame_width is 4, expected 32 or more"),
        ("--frame-height 31", "frame_height is 31, expected 32 or more"),
        ("--seed=-1", "seed is -1, expected 0 or more"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    words: list[str], option: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, *option.split()]) == 2
    assert capsys.readouterr().err == f"personsearch: {expected}\n"


def test_the_smallest_frames_and_tables_are_measured_beside_a_plain_loop(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    smallest = "--frame-width 32 --frame-height 32 --identities 1 --people 1 --steps 1 --seed 0"
    assert main([*words, *smallest.split()]) == 0
    figures = json.loads((tmp_path / "bench.json").read_text())
    assert figures["plain"]["loss"] == pytest.approx(figures["loss"], rel=0.02)
    whole, network = figures["measured"]
    assert whole["baseline_value"] == figures["plain"]["whole"] > 0
    assert whole["asked_ratio"] == 1.3
    assert network["value"] == figures["frames_per_second_network"]
    times = figures["frames_per_second"] / figures["plain"]["whole"]
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("times as fast as that"))
    assert line.split()[-1] == f"{times:.2f}"
