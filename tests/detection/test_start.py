"""Where a training starts: a model file with what the call asks for, and a Pooled Table that the start has filled."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.samples import FrameSample
from detection.checkpoints import load_model, save_model
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from detection.settings import JOINT_LOSSES, JointTrainingConfig
from detection.start import choose_weights, resumed_model, start_model
from detection.training import JointTrainingTask
from detection.true_boxes import embed_people
from reid.losses.criterion import LossConfig
from reid.losses.toim import TOIMLoss
from reid.runs.run import TrainingRun
from reid.runs.starts import ChosenStart

TOIM = LossConfig(sphere=0, toim=1, toim_update_length=9)


@pytest.fixture
def model_file(tmp_path: Path, tiny_model: PersonSearchRCNN) -> str:
    save_model(tmp_path / "first" / "model.safetensors", tiny_model, notes={})
    return str(tmp_path / "first" / "model.safetensors")


def test_what_a_model_files_weights_can_serve_is_taken_from_the_call(model_file: str) -> None:
    detector = DetectorConfig(min_size=128, max_size=200, train_sizes=(96,))
    model = start_model(model_file, detector, EmbeddingConfig(), seed=0)
    trained = load_model(model_file)
    expected = dataclasses.replace(trained.detector_config, min_size=128, max_size=200, train_sizes=(96,))
    assert model.detector_config == expected
    assert model.embedding_config == trained.embedding_config
    assert set(model.transform.min_size) == {96, 128}
    assert all(model.state_dict()[name].equal(value) for name, value in trained.state_dict().items())


def test_what_is_given_counts_though_it_is_the_default(model_file: str) -> None:
    sizes = {"detector.min_size", "detector.max_size"}
    model = start_model(model_file, DetectorConfig(), EmbeddingConfig(), seed=0, given=sizes)
    assert (model.detector_config.min_size, model.detector_config.max_size) == (900, 1500)
    assert dataclasses.replace(model.detector_config, min_size=96, max_size=160) == dataclasses.replace(
        load_model(model_file).detector_config, min_size=96, max_size=160
    )
    with pytest.raises(ValueError, match=r"embedding\.dimension = 24, not 256; its weights do not fit"):
        start_model(model_file, DetectorConfig(), EmbeddingConfig(), seed=0, given={"embedding.dimension"})
    other = DetectorConfig(rpn_post_nms=7)
    assert start_model(model_file, other, EmbeddingConfig(), seed=0, given=()).detector_config.rpn_post_nms != 7


def test_parts_that_a_model_file_has_not_begin_at_random(model_file: str) -> None:
    model = start_model(model_file, DetectorConfig(), EmbeddingConfig(refined=True, norm_aware=True), seed=0)
    trained = load_model(model_file)
    assert model.refinement is not None
    assert model.norm_score is not None
    assert all(model.state_dict()[name].equal(value) for name, value in trained.state_dict().items())


def test_a_structure_that_a_model_files_weights_do_not_fit_is_named(model_file: str) -> None:
    with pytest.raises(ValueError, match=r"embedding\.dimension = 24, not 32; its weights do not fit"):
        start_model(model_file, DetectorConfig(), EmbeddingConfig(dimension=32), seed=0)


def test_a_run_on_a_model_file_resumes_with_what_it_asked_for(tmp_path: Path, model_file: str) -> None:
    detector = DetectorConfig(min_size=128, max_size=200)
    model = start_model(model_file, detector, EmbeddingConfig(), seed=0)
    save_model(tmp_path / "second" / "model.safetensors", model, notes={})
    again = resumed_model(tmp_path / "second", model_file, detector, EmbeddingConfig())
    assert again.detector_config == model.detector_config
    with pytest.raises(ValueError, match=r"detector\.min_size = 128, this call has 160"):
        resumed_model(tmp_path / "second", model_file, dataclasses.replace(detector, min_size=160), EmbeddingConfig())
    Path(model_file).unlink()
    assert resumed_model(tmp_path / "second", model_file, detector, EmbeddingConfig()).training


@pytest.fixture
def shipped(model_file: str) -> Path:
    """A model file that the packages might bring, trained at several sizes."""
    trained = load_model(model_file)
    several = dataclasses.replace(trained.detector_config, train_sizes=(64, 128))
    model = PersonSearchRCNN(several, trained.embedding_config)
    model.load_state_dict(trained.state_dict())
    file = Path(model_file).parent / "people.safetensors"
    save_model(file, model)
    return file


def test_the_shipped_model_is_the_start_of_whoever_asks_for_nothing_else(shipped: Path) -> None:
    parts = DetectorConfig(), EmbeddingConfig()
    chosen = choose_weights("shipped", shipped, *parts, given=())
    assert chosen.weights == str(shipped)
    assert "people, which comes with personsearch" in chosen.said
    assert choose_weights("shipped", shipped, *parts).weights == str(shipped)
    for weights in ("none", "imagenet", "a.pth"):
        assert choose_weights(weights, shipped, *parts, given=()) == ChosenStart(weights)
    model = start_model(chosen.weights, *parts, seed=0, given=())
    assert model.detector_config == load_model(shipped).detector_config


def test_another_trunk_starts_at_random_whatever_else_would_clash(shipped: Path) -> None:
    other = DetectorConfig(backbone="mobilenet_v2", max_size=50, min_size=40)
    given = {"detector.backbone", "detector.max_size"}
    chosen = choose_weights("shipped", shipped, other, EmbeddingConfig(), given=given)
    assert chosen.weights == "none"
    assert "has detector.backbone = resnet18, not mobilenet_v2" in chosen.said
    with pytest.raises(ValueError, match="expected"):
        choose_weights("shipped", shipped, other, EmbeddingConfig(), given=given | {"weights"})
    head = EmbeddingConfig(dimension=7)
    small = {"embedding.dimension"}
    assert choose_weights("shipped", shipped, DetectorConfig(), head, given=small).weights == "none"
    assert choose_weights("shipped", shipped, DetectorConfig(), head, given=small, new_head=True).weights == str(
        shipped
    )
    with pytest.raises(ValueError, match=r"embedding\.dimension = 24, not 7; its weights do not fit that"):
        choose_weights("shipped", shipped, DetectorConfig(), head, given=small | {"weights"})


@pytest.mark.parametrize("new_head", [False, True])
def test_another_size_takes_the_place_of_all_sizes_of_the_file(shipped: Path, new_head: bool) -> None:
    sizes = DetectorConfig(min_size=80, max_size=100)
    given = {"detector.min_size", "detector.max_size"}
    assert choose_weights("shipped", shipped, sizes, EmbeddingConfig(), given=given).weights == str(shipped)
    model = start_model(str(shipped), sizes, EmbeddingConfig(dimension=24), seed=0, given=given, new_head=new_head)
    assert (model.detector_config.min_size, model.detector_config.train_sizes) == (80, ())
    several = dataclasses.replace(sizes, train_sizes=(64,))
    model = start_model(str(shipped), several, EmbeddingConfig(), seed=0, given={*given, "detector.train_sizes"})
    assert model.detector_config.train_sizes == (64,)


def toim_trainer(directory: Path, model: PersonSearchRCNN, frames: list[FrameSample], **changes: object) -> TrainingRun:
    config = JointTrainingConfig(epochs=1, batch_size=3, workers=0, learning_rate=1e-9)
    config = dataclasses.replace(config, **changes)  # type: ignore[arg-type]
    return TrainingRun(JointTrainingTask(model, frames, config=config, losses=TOIM), directory)


def toim_of(trainer: TrainingRun) -> TOIMLoss:
    loss = trainer.task.criterion.losses["toim"]
    assert isinstance(loss, TOIMLoss)
    return loss


def test_the_pooled_table_starts_from_the_true_boxes(
    tmp_path: Path, frames: list[FrameSample], tiny_model: PersonSearchRCNN
) -> None:
    trainer = toim_trainer(tmp_path, tiny_model, frames, initialize_tables=True)
    people = embed_people(tiny_model, frames)
    trainer.task.before_first_step()
    table = toim_of(trainer)
    mine = [row for row, camera in enumerate(people.cameras) if camera == 1 and people.person_index[row] == 0]
    assert len(mine) > 1
    torch.testing.assert_close(table.pooled[0, 1], people.embeddings[mine].mean(dim=0))
    assert bool(table.filled.all())
    assert tiny_model.training, "as it was before"


def test_the_pooled_table_starts_empty_unless_it_is_asked_for(
    tmp_path: Path, frames: list[FrameSample], tiny_model: PersonSearchRCNN
) -> None:
    trainer = toim_trainer(tmp_path, tiny_model, frames)
    trainer.task.before_first_step()
    assert not toim_of(trainer).filled.any()


def test_a_table_to_fill_needs_toim(tmp_path: Path, frames: list[FrameSample], tiny_model: PersonSearchRCNN) -> None:
    config = JointTrainingConfig(initialize_tables=True)
    with pytest.raises(ValueError, match="initialize_tables is set, but the weight of toim is 0"):
        TrainingRun(JointTrainingTask(tiny_model, frames, config=config), tmp_path)


def test_boxes_beyond_their_picture_are_passed_over(frames: list[FrameSample], tiny_model: PersonSearchRCNN) -> None:
    first = frames[0]
    boxes = first.boxes + np.where(np.arange(len(first.boxes)) == 0, 1000, 0)[:, None].astype(np.float32)
    moved = [dataclasses.replace(first, boxes=boxes), *frames[1:]]
    whole, less = embed_people(tiny_model, frames), embed_people(tiny_model, moved)
    assert len(less.embeddings) == len(less.person_index) == len(less.cameras) == len(whole.embeddings) - 1
    torch.testing.assert_close(less.embeddings, whole.embeddings[1:], atol=1e-5, rtol=1e-4)
    assert less.person_index.tolist() == whole.person_index[1:].tolist()


def test_frames_without_a_camera_have_a_column_of_their_own(
    tmp_path: Path, frames: list[FrameSample], tiny_model: PersonSearchRCNN
) -> None:
    some = [dataclasses.replace(frame, camera=None) if row < 3 else frame for row, frame in enumerate(frames)]
    trainer = toim_trainer(tmp_path, tiny_model, some)
    assert toim_of(trainer).pooled.shape[1] == 3
    columns = [int(trainer.task.frames[0, row][1]["camera_index"][0]) for row in range(5)]  # type: ignore[index]
    assert len(set(columns[:3])) == 1
    assert columns[0] not in columns[3:]
    nowhere = [dataclasses.replace(frame, camera=None) for frame in frames]
    assert toim_of(toim_trainer(tmp_path, tiny_model, nowhere)).pooled.shape[1] == 1


def test_negatives_come_from_several_steps(
    tmp_path: Path, frames: list[FrameSample], tiny_model: PersonSearchRCNN
) -> None:
    """The Update Table of the default holds what the last steps wrote, not the last frame's boxes alone."""
    losses = dataclasses.replace(JOINT_LOSSES, oim=0, toim=1)
    config = JointTrainingConfig(epochs=3, batch_size=9, workers=0, learning_rate=1e-9)
    trainer = TrainingRun(JointTrainingTask(tiny_model, frames, config=config, losses=losses), tmp_path)
    people: list[float] = []
    trainer.run(lambda step, total, figures: people.append(figures["people"]))
    slots = toim_of(trainer).recent.slots
    assert int((slots >= 0).sum()) > 1.5 * max(people)
