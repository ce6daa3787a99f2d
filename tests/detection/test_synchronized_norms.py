"""BatchNorm over several processes: which models get it, and that a training asks for it."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import distributed, nn

from datasets.samples import FrameSample
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from detection.settings import JointTrainingConfig
from detection.training import JointTrainingTask
from reid.runs.processes import synchronized_norms
from reid.runs.run import TrainingRun


def processes(monkeypatch: pytest.MonkeyPatch, count: int | None) -> None:
    """As if so many processes were joined; None: as if nobody had asked to join any."""
    monkeypatch.setattr(distributed, "is_initialized", lambda: count is not None)
    if count is not None:
        monkeypatch.setattr(distributed, "get_world_size", lambda: count)
        monkeypatch.setattr(distributed, "get_rank", lambda: 0)


def kinds(model: nn.Module) -> list[str]:
    return [type(one).__name__ for one in model.modules() if isinstance(one, nn.modules.batchnorm._BatchNorm)]


# torch's device without memory stands for a GPU: it is not the processor, and nothing is computed here.
@pytest.mark.parametrize(
    ("device", "count", "expected"),
    [("meta", 2, True), ("meta", 1, False), ("meta", None, False), ("cpu", 2, False), ("cpu", None, False)],
)
def test_every_batch_norm_is_synchronized_among_several_processes_on_gpus(
    tiny_detector: DetectorConfig,
    tiny_embedding: EmbeddingConfig,
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    count: int | None,
    expected: bool,
) -> None:
    with torch.device(device):
        model = PersonSearchRCNN(tiny_detector, dataclasses.replace(tiny_embedding, norm_aware=True))
    before, weights = kinds(model), dict(model.named_parameters())
    assert set(before) == {"BatchNorm2d", "BatchNorm1d"}
    processes(monkeypatch, count)
    network = synchronized_norms(model)
    assert kinds(network) == (["SyncBatchNorm"] * len(before) if expected else before)
    # The optimizer and the model file know the model and its weights from before.
    assert network is model
    assert dict(network.named_parameters()) == weights


def test_a_training_asks_for_it_once_before_the_first_step(
    tmp_path: Path, frames: list[FrameSample], tiny_model: PersonSearchRCNN, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def ask(model: nn.Module) -> nn.Module:
        asked.append((model, run.step))
        return model

    monkeypatch.setattr("reid.runs.run.synchronized_norms", ask)
    config = JointTrainingConfig(epochs=1, batch_size=2, workers=0)
    run = TrainingRun(JointTrainingTask(tiny_model, frames[:2], config=config), tmp_path / "run")
    run.run()
    assert asked == [(tiny_model, 0)]
