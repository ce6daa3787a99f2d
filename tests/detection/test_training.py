"""Training in a run directory: it learns, it resumes exactly, it says what is wrong."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.samplers import frame_batches
from datasets.samples import FrameSample
from datasets.transforms import FrameAugmentation, FrameTransform
from detection.checkpoints import load_model
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from detection.loader import GREY, TrainingFrames, load_batches, without_regions
from detection.settings import JointTrainingConfig
from detection.start import resumed_model
from detection.training import JointTrainingTask
from reid.losses.criterion import LossConfig
from reid.runs.files import DivergedError, MetricLog, write_config
from reid.runs.run import TrainingRun

CONFIG = JointTrainingConfig(epochs=3, batch_size=3, learning_rate=2e-3, workers=0, checkpoint_steps=2)
LOSSES = LossConfig(sphere=0, oim=1, oim_queue=5)


def trainer(
    directory: Path,
    samples: list[FrameSample],
    detector: DetectorConfig,
    embedding: EmbeddingConfig,
    config: JointTrainingConfig = CONFIG,
    losses: LossConfig = LOSSES,
) -> TrainingRun:
    torch.manual_seed(config.seed)
    model = PersonSearchRCNN(detector, embedding, precision="float32")
    return TrainingRun(JointTrainingTask(model, samples, config=config, losses=losses), directory)


def rows(directory: Path) -> list[dict[str, str]]:
    with (directory / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


COLUMNS = ("step", "epoch", "loss", "images_per_second")


@pytest.fixture
def tiny_detector(tiny_detector: DetectorConfig) -> DetectorConfig:
    """Frames of half the pixels."""
    return dataclasses.replace(tiny_detector, min_size=72, max_size=96)


class Interrupted(Exception):
    """Stands for a power cut in the middle of a step."""


def test_a_resumed_run_equals_an_uninterrupted_one(
    tmp_path: Path, frames: list[FrameSample], tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    """Stopped in the middle of the second epoch, after a resume point and one step more."""
    arguments = (frames, tiny_detector, tiny_embedding)
    whole = trainer(tmp_path / "whole", *arguments)
    whole.run()

    def stop(step: int, total: int, figures: dict[str, float]) -> None:
        assert total == 9
        if step == 5:
            raise Interrupted

    with pytest.raises(Interrupted):
        trainer(tmp_path / "cut", *arguments).run(stop)
    again = trainer(tmp_path / "cut", *arguments)
    again.resume()
    assert again.step == 4
    summary = again.run()

    assert summary.steps == 9
    for name, value in whole.task.model.state_dict().items():
        assert torch.equal(value, again.task.model.state_dict()[name]), name
    for name, value in whole.task.criterion.state_dict().items():
        assert torch.equal(value, again.task.criterion.state_dict()[name]), name
    fixed = [name for name in whole.task.columns if name != "images_per_second"]
    assert [[row[name] for name in fixed] for row in rows(tmp_path / "cut")] == [
        [row[name] for name in fixed] for row in rows(tmp_path / "whole")
    ]
    assert [int(row["step"]) for row in rows(tmp_path / "cut")] == list(range(1, 10))


def test_training_lowers_the_detection_loss_and_fills_the_tables(
    tmp_path: Path, frames: list[FrameSample], tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    run = trainer(
        tmp_path / "run", frames, tiny_detector, tiny_embedding, dataclasses.replace(CONFIG, epochs=12, warmup_steps=4)
    )
    run.run()
    loss = [float(row["loss"]) - float(row["loss_identity"]) for row in rows(tmp_path / "run")]
    assert np.mean(loss[-6:]) < 0.7 * np.mean(loss[:6])
    torch.testing.assert_close(run.task.criterion.losses["oim"].table.norm(dim=1), torch.ones(2))
    assert run.task.criterion.losses["oim"].queue.norm(dim=1).gt(0).any()
    assert list((tmp_path / "run" / "tensorboard").glob("events*"))


def test_the_model_file_holds_the_trained_model(
    tmp_path: Path, frames: list[FrameSample], tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    run = trainer(tmp_path / "run", frames, tiny_detector, tiny_embedding, dataclasses.replace(CONFIG, epochs=1))
    summary = run.run()
    loaded = load_model(summary.model_file, device="cpu")
    for name, value in run.task.model.state_dict().items():
        assert torch.equal(value.cpu(), loaded.state_dict()[name]), name
    assert not loaded.training


def test_resuming_with_another_recipe_is_refused(
    tmp_path: Path, frames: list[FrameSample], tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    trainer(tmp_path / "run", frames, tiny_detector, tiny_embedding, dataclasses.replace(CONFIG, epochs=1)).run()
    other = trainer(
        tmp_path / "run", frames, tiny_detector, tiny_embedding, dataclasses.replace(CONFIG, learning_rate=1.0)
    )
    with pytest.raises(ValueError, match=r"made with epochs = 1, this call has 3"):
        other.resume()


def test_nothing_to_resume_is_named(
    tmp_path: Path, frames: list[FrameSample], tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        trainer(tmp_path / "run", frames, tiny_detector, tiny_embedding).resume()


def test_data_without_identities_is_named(
    tmp_path: Path, frames: list[FrameSample], tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    unknown = [dataclasses.replace(sample, person_ids=np.full(len(sample.boxes), -1)) for sample in frames]
    for samples in ([], unknown):
        with pytest.raises(ValueError, match="hold no person with an identity"):
            trainer(tmp_path / "run", samples, tiny_detector, tiny_embedding)


def test_a_run_whose_first_resume_point_cannot_be_written_may_be_started_again(
    tmp_path: Path, frames: list[FrameSample], tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def full(*_: object) -> None:
        raise OSError("resume.pt.unfinished could not be written; is the disk full?")

    run = trainer(tmp_path / "run", frames, tiny_detector, tiny_embedding)
    monkeypatch.setattr("reid.runs.run.write_resume_point", full)
    with pytest.raises(OSError, match="is the disk full"):
        run.run()
    assert not list((tmp_path / "run").glob("*.safetensors"))
    write_config(tmp_path / "run", {})


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_last_resume_point(
    tmp_path: Path, frames: list[FrameSample], tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    run = trainer(tmp_path / "run", frames, tiny_detector, tiny_embedding)

    def spoil(step: int, total: int, figures: dict[str, float]) -> None:
        if step == 4:
            with torch.no_grad():
                run.task.model.embedding_head.project.weight.fill_(float("nan"))

    with pytest.raises(DivergedError, match="at step 5"):
        run.run(spoil)
    kept = torch.load(tmp_path / "run" / "resume.pt", weights_only=True)
    assert kept["step"] == 4
    assert torch.isfinite(kept["model"]["embedding_head.project.weight"]).all()


def test_a_run_directory_is_never_overwritten(tmp_path: Path) -> None:
    write_config(tmp_path / "run", {"seed": 0})
    write_config(tmp_path / "run", {"seed": 1})
    (tmp_path / "run" / "resume.pt").write_bytes(b"a resume point")
    with pytest.raises(FileExistsError, match="holds a run already"):
        write_config(tmp_path / "run", {"seed": 2})
    assert '"seed": 1' in (tmp_path / "run" / "config.json").read_text()


@pytest.mark.parametrize(
    "change", [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"workers": -1}, {"clip_norm": -1.0}]
)
def test_a_recipe_that_cannot_train_is_named(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        JointTrainingConfig(**change)


def test_broken_frames_are_named_and_the_rest_is_trained_on(
    tmp_path: Path, frames: list[FrameSample], tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    """Also through loader threads, and where a whole batch is broken."""
    content = frames[0].path.read_bytes()
    frames[0].path.write_bytes(content[: len(content) // 2])
    frames[1].path.write_bytes(b"")
    frames[2].path.write_text("a text")
    frames[3].path.unlink()
    config = dataclasses.replace(CONFIG, epochs=1, batch_size=1, workers=1)
    summary = trainer(tmp_path / "run", frames, tiny_detector, tiny_embedding, config).run()
    assert {name for name, _ in summary.failures} == {f"frame{row}.png" for row in range(4)}
    assert summary.steps == 9
    assert len(rows(tmp_path / "run")) == 5
    assert load_model(summary.model_file, device="cpu")


def test_nothing_but_broken_frames_is_an_error(
    tmp_path: Path, frames: list[FrameSample], tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    for sample in frames:
        sample.path.write_bytes(b"")
    with pytest.raises(ValueError, match="none of the 9 training pictures could be read"):
        trainer(tmp_path / "run", frames, tiny_detector, tiny_embedding, dataclasses.replace(CONFIG, epochs=1)).run()


def test_resuming_with_other_data_of_the_same_size_is_refused(
    tmp_path: Path, frames: list[FrameSample], tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    config = dataclasses.replace(CONFIG, epochs=1)
    trainer(tmp_path / "run", frames, tiny_detector, tiny_embedding, config).run()
    moved = [dataclasses.replace(sample, boxes=sample.boxes + 1) for sample in frames]
    with pytest.raises(ValueError, match="was made with data = "):
        trainer(tmp_path / "run", moved, tiny_detector, tiny_embedding, config).resume()


def test_a_detector_learns_from_boxes_without_identities(
    tmp_path: Path, frames: list[FrameSample], tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    unknown = [dataclasses.replace(one, person_ids=np.full_like(one.person_ids, -1)) for one in frames]
    arguments = (tiny_detector, tiny_embedding, CONFIG, LossConfig(sphere=0))
    run = trainer(tmp_path / "boxes", unknown, *arguments)
    run.run()
    assert run.task.identities == 0
    losses = [float(row["loss"]) for row in rows(tmp_path / "boxes")]
    assert losses[-1] < losses[0]
    assert {row["loss_identity"] for row in rows(tmp_path / "boxes")} == {"0"}
    with pytest.raises(ValueError, match="hold no person with an identity"):
        trainer(tmp_path / "people", unknown, tiny_detector, tiny_embedding)
    empty = [
        dataclasses.replace(one, person_ids=one.person_ids[:0], boxes=one.boxes[:0], original_ids=None)
        for one in frames
    ]
    with pytest.raises(ValueError, match="hold no box of a person"):
        trainer(tmp_path / "nobody", empty, *arguments)


def test_resuming_with_another_structure_is_refused(
    tmp_path: Path, frames: list[FrameSample], tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    trainer(tmp_path / "run", frames, tiny_detector, tiny_embedding, dataclasses.replace(CONFIG, epochs=1)).run()
    assert resumed_model(tmp_path / "run", "none", tiny_detector, tiny_embedding).training
    for change in ({"pyramid_channels": 32}, {"min_size": 64}):
        other = dataclasses.replace(tiny_detector, **change)
        with pytest.raises(ValueError, match=f"was trained with detector.{next(iter(change))} = "):
            resumed_model(tmp_path / "run", "none", other, tiny_embedding)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a file", b"a text"])
def test_a_damaged_resume_point_is_one_line(
    tmp_path: Path,
    frames: list[FrameSample],
    tiny_detector: DetectorConfig,
    tiny_embedding: EmbeddingConfig,
    content: bytes,
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "resume.pt").write_bytes(content)
    with pytest.raises(ValueError, match="is damaged"):
        trainer(tmp_path / "run", frames, tiny_detector, tiny_embedding).resume()


def test_half_a_row_of_a_killed_run_is_dropped(tmp_path: Path) -> None:
    log = MetricLog(tmp_path, COLUMNS, resume_step=0)
    for step in (1, 2, 1_234_567):
        log.add({name: float(step) for name in COLUMNS})
    log.close()
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write("12")
    MetricLog(tmp_path, COLUMNS, resume_step=2_000_000).close()
    assert [row["step"] for row in rows(tmp_path)] == ["1", "2", "1234567"]
    MetricLog(tmp_path, COLUMNS, resume_step=1).close()
    assert [row["step"] for row in rows(tmp_path)] == ["1"]


def test_regions_to_ignore_are_hidden_and_people_in_them_stay() -> None:
    image = np.full((20, 30, 3), 200, dtype=np.uint8)
    regions = np.array([[5, 5, 25, 15], [-4, -4, 2, 2]], dtype=np.float32)
    people = np.array([[10, 4, 12, 14]], dtype=np.float32)
    hidden = (without_regions(image, regions, people) == GREY).all(axis=2)
    assert hidden[5:15, 5:10].all()
    assert hidden[:2, :2].all()
    assert not hidden[4:14, 10:12].any()
    assert hidden.sum() == 20 * 10 - 2 * 9 + 4
    assert without_regions(image, regions[:0], people) is image


def test_threads_load_the_same_batches_in_the_same_order(frames: list[FrameSample]) -> None:
    loaded = TrainingFrames(frames, FrameTransform(FrameAugmentation()), seed=3, cameras={})
    batches = [batch for epoch in range(3) for batch in frame_batches([1.0] * len(frames), 2, seed=3, epoch=epoch)]
    alone = list(load_batches(loaded, batches, workers=0))
    together = list(load_batches(loaded, batches, workers=3))
    assert len(alone) == len(together) == len(batches)
    for first, second in zip(alone, together, strict=True):
        for one, other in zip(first.images, second.images, strict=True):
            assert torch.equal(one, other)
        for one, other in zip(first.targets, second.targets, strict=True):
            assert torch.equal(one["boxes"], other["boxes"])
            assert torch.equal(one["person_index"], other["person_index"])
    changed = [not torch.equal(alone[0].images[0], batch.images[0]) for batch in alone[1:]]
    assert any(changed)
