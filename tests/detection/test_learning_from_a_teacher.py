"""The joint model learns from a crop model: whose row is whose, who counts, exact resumes, and what is refused."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from datasets.augmentation import FrameAugmentation
from datasets.samples import FrameSample
from datasets.transforms import FrameTransform
from detection.checkpoints import read_header
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, JointLosses, PersonSearchRCNN
from detection.loader import TrainingFrames
from detection.settings import JointTrainingConfig
from detection.training import JointTrainingTask, rows_of_people
from detection.true_boxes import embed_people
from reid.crops.teacher import TaughtFrames
from reid.losses.criterion import LossConfig
from reid.runs.run import TrainingRun

CONFIG = JointTrainingConfig(epochs=3, batch_size=3, learning_rate=2e-3, workers=0, checkpoint_steps=2)
ALONE = LossConfig(sphere=0, teacher=1)


def person_rows(samples: list[FrameSample], dimension: int = 24) -> list[NDArray[np.float32]]:
    """A teacher that knows people by the numbers of their identity; -1 is a person like all others to it."""
    known = np.random.default_rng(5).normal(size=(3, dimension)).astype(np.float32)
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    return [known[sample.person_ids.astype(int)].reshape(-1, dimension) for sample in samples]


def run_of(
    directory: Path,
    samples: list[FrameSample],
    structure: tuple[DetectorConfig, EmbeddingConfig],
    losses: LossConfig = ALONE,
    *,
    config: JointTrainingConfig = CONFIG,
    fingerprint: str = "0123456789abcdef",
) -> TrainingRun:
    torch.manual_seed(0)
    model = PersonSearchRCNN(*structure, precision="float32")
    taught = TaughtFrames(person_rows(samples), fingerprint)
    return TrainingRun(JointTrainingTask(model, samples, config=config, losses=losses, taught=taught), directory)


@pytest.fixture
def structure(tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig) -> tuple[DetectorConfig, EmbeddingConfig]:
    return dataclasses.replace(tiny_detector, min_size=64, max_size=96), tiny_embedding


def test_each_box_that_augmentation_keeps_keeps_its_own_row(frames: list[FrameSample]) -> None:
    """Rows say the box that they belong to; boxes leave the frame when it is scaled up and moved."""
    numbered = [np.arange(len(sample.boxes), dtype=np.float32)[:, None] + 10 * at for at, sample in enumerate(frames)]
    marked = [dataclasses.replace(sample, person_ids=np.arange(len(sample.boxes))) for sample in frames]
    strong = FrameTransform(FrameAugmentation(scale=0.8, minimum_visible=0.9))
    loader = TrainingFrames(marked, strong, seed=0, cameras={}, taught=numbered)
    lost = 0
    for epoch in range(4):
        for row in range(len(frames)):
            _, target = loader[epoch, row]
            assert isinstance(target, dict)
            kept = target["person_index"].numpy()
            assert np.array_equal(target["taught"].numpy(), numbered[row][kept])
            lost += len(frames[row].boxes) - len(kept)
    assert lost > 0
    _, plain = TrainingFrames(marked, strong, seed=0, cameras={})[0, 0]
    assert "taught" not in plain


def test_the_row_of_a_sampled_box_is_that_of_its_person_in_its_frame() -> None:
    targets = [{"taught": torch.tensor(rows).reshape(-1, 1)} for rows in ([1.0, 2.0], [], [3.0])]
    image_index, truth_index = torch.tensor([0, 0, 2, 0]), torch.tensor([1, 0, 0, 1])
    found = JointLosses({}, torch.zeros(4, 1), *[torch.zeros(4)] * 2, image_index, truth_index, torch.ones(4))
    assert rows_of_people(targets, "taught", found).squeeze(1).tolist() == [2, 1, 3, 2]


def test_the_embeddings_come_to_be_the_teachers_without_any_identity(
    tmp_path: Path, frames: list[FrameSample], structure: tuple[DetectorConfig, EmbeddingConfig]
) -> None:
    unknown = [dataclasses.replace(sample, original_ids=sample.person_ids) for sample in frames]
    taught = np.concatenate(person_rows(unknown))
    unknown = [dataclasses.replace(sample, person_ids=np.full(len(sample.boxes), -1)) for sample in unknown]
    torch.manual_seed(0)
    model = PersonSearchRCNN(*structure, precision="float32")
    before = (embed_people(model, unknown).embeddings.numpy() * taught).sum(1)
    config = dataclasses.replace(CONFIG, epochs=14, warmup_steps=4)
    rows = np.split(taught, np.cumsum([len(sample.boxes) for sample in unknown])[:-1])
    task = JointTrainingTask(model, unknown, config=config, losses=ALONE, taught=TaughtFrames(list(rows), "f"))
    TrainingRun(task, tmp_path / "run").run()
    after = (embed_people(model, unknown).embeddings.numpy() * taught).sum(1)
    assert np.abs(before).max() < 0.6
    assert after.mean() > 0.85
    with (tmp_path / "run" / "metrics.csv").open(newline="") as file:
        losses = [float(row["loss_teacher"]) for row in csv.DictReader(file)]
    assert losses[0] > 0.7
    assert np.mean(losses[-3:]) < 0.3


def test_a_resumed_run_equals_an_uninterrupted_one(
    tmp_path: Path, frames: list[FrameSample], structure: tuple[DetectorConfig, EmbeddingConfig]
) -> None:
    losses = LossConfig(sphere=0.5, teacher=1, teacher_relations=1)
    whole = run_of(tmp_path / "whole", frames, structure, losses)
    whole.run()

    def stop(step: int, total: int, figures: dict[str, float]) -> None:
        if step == 5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        run_of(tmp_path / "cut", frames, structure, losses).run(stop)
    again = run_of(tmp_path / "cut", frames, structure, losses)
    again.resume()
    assert again.step == 4
    again.run()
    for name, value in whole.task.model.state_dict().items():
        assert torch.equal(value, again.task.model.state_dict()[name]), name


def test_another_teacher_cannot_go_on_with_a_run(
    tmp_path: Path, frames: list[FrameSample], structure: tuple[DetectorConfig, EmbeddingConfig]
) -> None:
    run_of(tmp_path / "run", frames, structure, config=dataclasses.replace(CONFIG, epochs=1)).run()
    other = run_of(
        tmp_path / "run", frames, structure, config=dataclasses.replace(CONFIG, epochs=1), fingerprint="another"
    )
    with pytest.raises(ValueError, match="made with teacher = 0123456789abcdef, this call has another"):
        other.resume()
    assert "0123456789abcdef" in read_header(tmp_path / "run")["notes"]


def test_a_teacher_and_its_loss_go_together(
    frames: list[FrameSample], structure: tuple[DetectorConfig, EmbeddingConfig]
) -> None:
    model = PersonSearchRCNN(*structure, precision="float32")
    with pytest.raises(ValueError, match=r"there is no teacher; give --teacher too"):
        JointTrainingTask(model, frames, config=CONFIG, losses=ALONE)
    with pytest.raises(ValueError, match=r"give --losses.teacher 1 too"):
        JointTrainingTask(
            model, frames, config=CONFIG, losses=LossConfig(), taught=TaughtFrames(person_rows(frames), "f")
        )
    with pytest.raises(ValueError, match="8 frames are taught and 9 trained on"):
        JointTrainingTask(model, frames, config=CONFIG, losses=ALONE, taught=TaughtFrames(person_rows(frames)[:8], "f"))
