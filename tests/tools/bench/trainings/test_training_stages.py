"""Where the time of a step goes: what is slow is named, and nothing is trained otherwise."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_tasks import crop_task, joint_task

from reid.runs.run import TrainingRun
from reid.runs.weight_files import state_fingerprint
from tools.bench.trainings import crop_training, training
from tools.bench.trainings.stages import BACKWARD, LOSSES, OPTIMIZER, TABLES, WAITING, profiled
from tools.main import main

SLOW = 0.15


def slow(function: Any) -> Any:
    """The same, and a moment more, which the processor does not work."""

    def slowly(*given: Any, **named: Any) -> Any:
        time.sleep(SLOW)
        return function(*given, **named)

    return slowly


def joint_parts(task: Any) -> dict[str, list[torch.nn.Module]]:
    return {"trunk": [task.model.detector.backbone.body], "boxes proposed": [task.model.detector.rpn]}


@pytest.mark.parametrize("made", [joint_task, pytest.param(crop_task, marks=pytest.mark.slow)])
def test_nothing_is_trained_otherwise(tmp_path: Path, made: Any) -> None:
    plain, noted = made(tmp_path / "one", plain=False), made(tmp_path / "two", plain=False)
    TrainingRun(plain, tmp_path / "plain").run()
    parts = joint_parts(noted) if made is joint_task else {"trunk": [noted.model.backbone]}
    profiled(noted, parts, tmp_path / "noted", 1)
    assert state_fingerprint("", noted.model) == state_fingerprint("", plain.model)


def test_what_is_slow_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One stage after another is made slow by as much; each has it alone, on the clock and not on the processor."""
    task = joint_task(tmp_path / "frames", plain=False)
    parts = joint_parts(task)
    load = task.load

    def loading(epoch: int, batches: Any) -> Iterator[Any]:
        for batch in load(epoch, batches):
            time.sleep(SLOW)
            yield batch

    body = task.model.detector.backbone.body
    monkeypatch.setattr(task, "load", loading)
    monkeypatch.setattr(body, "forward", slow(body.forward))
    task.model.detector.roi_heads.box_head.register_full_backward_hook(lambda *_: time.sleep(SLOW))
    task.criterion.register_forward_pre_hook(lambda *_: time.sleep(SLOW))
    monkeypatch.setattr(task, "update_tables", slow(task.update_tables))
    found = profiled(task, parts, tmp_path / "run", 1)
    stages = {one.name: one for one in found.stages}
    late = {WAITING, "forward: trunk", LOSSES, BACKWARD, TABLES}
    for name, one in stages.items():
        if name in late:
            assert SLOW <= one.seconds < 2 * SLOW
            assert one.processor < SLOW
        else:
            assert one.seconds < SLOW
    assert list(stages)[:3] == [WAITING, "forward: trunk", "forward: boxes proposed"]
    assert stages[OPTIMIZER].seconds > 0


def test_operations_are_the_most_expensive_first(tmp_path: Path) -> None:
    task = crop_task(tmp_path / "crops", plain=False)
    found = profiled(task, {"trunk": [task.model.backbone]}, tmp_path / "run", 1)
    names = [one.name for one in found.operations]
    assert "aten::convolution_backward" in names
    seconds = [one.seconds for one in found.operations]
    assert seconds == sorted(seconds, reverse=True)
    assert 0 < found.share <= 1
    convolutions = next(one for one in found.operations if one.name == "aten::convolution_backward")
    assert convolutions.calls == 20  # of a ResNet-18, in each step
    assert sum(seconds) < 1.5 * sum(one.seconds for one in found.stages)
    assert f"these operations take {found.share:.0%}" in found.text()


@pytest.mark.parametrize("kind", ["training", "crop-training"])
def test_the_command_prints_stages(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made, module = {"training": (joint_task, training), "crop-training": (crop_task, crop_training)}[kind]
    task = made(tmp_path / "data", plain=False)
    monkeypatch.setattr(module, "_written", lambda *_: [])
    monkeypatch.setattr(module, "_task", lambda *_, **__: task)
    file = tmp_path / "figures.json"
    assert main(["bench", kind, "--warmup-steps", "1", "--profile", "true", "--json", str(file)]) == 0
    figures = json.loads(file.read_text())["profile"]
    names = [one["name"] for one in figures["stages"]]
    assert names[:2] == [WAITING, "forward: frames resized" if kind == "training" else "forward: trunk"]
    assert {BACKWARD, OPTIMIZER, TABLES} <= set(names)
    assert all(one["seconds"] >= 0 for one in figures["stages"])
    printed = capsys.readouterr()
    assert "stage of a step" in printed.out
    assert "of the processor's" in printed.out
