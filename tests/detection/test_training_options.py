"""Options of the recipe that change what a step does: the rows that count, batches of one shape, clipping, bf16."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from datasets.samples import FrameSample
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, JointLosses, PersonSearchRCNN, Target
from detection.settings import JointTrainingConfig
from detection.training import JointTrainingTask
from reid.losses.criterion import LossConfig
from reid.runs.run import TrainingRun

ONE_STEP = JointTrainingConfig(epochs=1, batch_size=4, learning_rate=1e-3, workers=0)
TABLES = LossConfig(sphere=0, oim=1, oim_queue=6, toim=1, toim_scale=10, toim_queue=3)

Trainer = Callable[..., TrainingRun]


@pytest.fixture
def trainer(
    tmp_path: Path, frames: list[FrameSample], tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> Trainer:
    """A trainer over four frames with two people each: one step, the same weights and frames at every call."""

    def build(
        *, losses: LossConfig = TABLES, embedding: EmbeddingConfig = tiny_embedding, **changes: object
    ) -> TrainingRun:
        torch.manual_seed(0)
        model = PersonSearchRCNN(tiny_detector, embedding, precision="float32")
        config = dataclasses.replace(ONE_STEP, **changes)
        return TrainingRun(JointTrainingTask(model, frames[:4], config=config, losses=losses), tmp_path / "run")

    return build


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[JointLosses]:
    """What models give in the steps that follow, embeddings and overlaps drawn: an untrained model's are all alike."""
    given = []
    original = PersonSearchRCNN.losses

    def losses(model: PersonSearchRCNN, images: list[Tensor], targets: list[Target]) -> JointLosses:
        found = original(model, images, targets)
        embeddings = found.embeddings + torch.randn_like(found.embeddings)
        given.append(found._replace(embeddings=embeddings, overlap=0.5 + torch.rand_like(found.overlap) / 2))
        return given[-1]

    monkeypatch.setattr(PersonSearchRCNN, "losses", losses)
    return given


def blended(table: Tensor, slot: tuple[int, ...], row: Tensor, share: float, *, empty: bool, unit: bool) -> None:
    """A table's slot after one embedding, as the papers write it."""
    blend = row if empty and not unit else (1 - share) * table[slot] + share * row
    table[slot] = functional.normalize(blend, dim=0) if unit else blend


@pytest.mark.parametrize("sure", [False, True])
def test_tables_take_less_of_a_box_that_fits_less_where_the_recipe_says_so(
    trainer: Trainer, seen: list[JointLosses], sure: bool
) -> None:
    """Against a loop over the boxes: the share of each is half, or gamma's complement, times its overlap or times 1."""
    run = trainer(sure_updates=sure)
    run.run()
    (found,) = seen
    rows = functional.normalize(found.embeddings.detach(), dim=1)
    tables = {}
    for weighed in (False, True):
        known, pooled = torch.zeros(2, 24), torch.zeros(2, 2, 24)
        for row, person, camera, overlap in zip(rows, found.person_index, found.camera_index, found.overlap):
            if person < 0:
                continue
            weight = float(overlap) if weighed else 1.0
            slot = int(person), int(camera)
            blended(known, slot[:1], row, 0.5 * weight, empty=False, unit=True)
            blended(pooled, slot, row, 0.6 * weight, empty=not pooled[slot].any(), unit=False)
        tables[weighed] = known, pooled
    assert all((one - other).abs().max() > 1e-3 for one, other in zip(*tables.values())), "it makes a difference"
    torch.testing.assert_close(run.task.criterion.losses["oim"].table, tables[sure][0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(run.task.criterion.losses["toim"].pool.pooled, tables[sure][1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("anchors", ["all", "one"])
def test_one_box_of_each_person_and_frame_counts_or_all(
    trainer: Trainer, seen: list[JointLosses], monkeypatch: pytest.MonkeyPatch, anchors: str
) -> None:
    """The criterion gets these rows for its losses, and again for its tables."""
    run = trainer(anchors=anchors)
    given: list[tuple[Tensor, Tensor]] = []
    run.task.criterion.register_forward_pre_hook(lambda _, inputs: given.append((inputs[0].embedding, inputs[1])))
    update = run.task.criterion.update

    def remember(features: object, person_index: Tensor, *rest: Tensor | None) -> None:
        given.append((features.embedding, person_index))
        update(features, person_index, *rest)

    monkeypatch.setattr(run.task.criterion, "update", remember)
    run.run()
    (found,) = seen
    best: dict[tuple[int, int], int] = {}
    for row, key in enumerate(zip(found.image_index.tolist(), found.truth_index.tolist())):
        if key not in best or found.overlap[row] > found.overlap[best[key]]:
            best[key] = row
    assert 4 <= len(best) < len(found.overlap), "some people have several boxes"
    expected = sorted(best.values()) if anchors == "one" else list(range(len(found.overlap)))
    assert len(given) == 2
    for embeddings, person_index in given:
        assert torch.equal(embeddings, found.embeddings[expected])
        assert torch.equal(person_index, found.person_index[expected])


@pytest.fixture
def mixed(tmp_path: Path) -> list[FrameSample]:
    """Four frames of 128 x 96 pixels and four of 96 x 128, taking turns."""
    samples = []
    for row in range(8):
        path = tmp_path / f"mixed{row}.png"
        cv2.imwrite(str(path), np.full((96, 128, 3) if row % 2 else (128, 96, 3), 120, dtype=np.uint8))
        boxes = np.array([[10, 10, 30, 70]], dtype=np.float32)
        samples.append(FrameSample(path.name, path, boxes, np.array([row % 2]), camera=0))
    return samples


@pytest.mark.parametrize("grouped", [True, False])
def test_frames_of_two_shapes_share_a_batch_only_where_they_are_not_grouped(
    tmp_path: Path, tiny_model: PersonSearchRCNN, mixed: list[FrameSample], grouped: bool
) -> None:
    """Over four epochs, and each frame comes once in each."""
    config = dataclasses.replace(ONE_STEP, batch_size=2, group_aspects=grouped)
    run = TrainingRun(JointTrainingTask(tiny_model, mixed, config=config), tmp_path / "run")
    shapes = []
    for epoch in range(4):
        batches = run.task.batches(epoch)
        assert sorted(row for batch in batches for _, row in batch) == list(range(8))
        shapes += [{tuple(image.shape) for image in batch.images} for batch in run.task.load(epoch, batches)]
    assert set().union(*shapes) == {(3, 96, 128), (3, 128, 96)}
    assert any(len(batch) == 2 for batch in shapes) != grouped


def gradients_of_a_step(run: TrainingRun) -> dict[str, Tensor]:
    """What the optimizer is given, by the name of the weight, of the model and of the criterion."""
    trained = nn.ModuleDict({"model": run.task.model, "criterion": run.task.criterion})
    seen: dict[str, Tensor] = {}

    def keep(*_: object) -> None:
        seen.update((name, p.grad.clone()) for name, p in trained.named_parameters() if p.grad is not None)

    run.task.optimizer.register_step_pre_hook(keep)
    run.run()
    assert run.step == 1
    return seen


def norm_of(gradients: Iterator[Tensor]) -> float:
    return float(torch.cat([gradient.flatten() for gradient in gradients]).norm())


def test_gradients_are_scaled_down_to_the_norm_of_the_recipe(trainer: Trainer) -> None:
    """Those of model and criterion together, so that their directions stay; 0 leaves them as they are."""
    losses = LossConfig(sphere=0, softmax=1)
    free = gradients_of_a_step(trainer(losses=losses, clip_norm=0.0))
    whole = norm_of(free.values())
    for part in ("model", "criterion"):
        assert norm_of(value for name, value in free.items() if name.startswith(part)) > 0.01 * whole
    for clip_norm, expected in ((whole / 50, whole / 50), (2 * whole, whole)):
        clipped = gradients_of_a_step(trainer(losses=losses, clip_norm=clip_norm))
        assert norm_of(clipped.values()) == pytest.approx(expected, rel=1e-3)
        assert clipped.keys() == free.keys()
        for name, value in clipped.items():
            torch.testing.assert_close(value, free[name] * (expected / whole), msg=name, atol=1e-7, rtol=1e-3)


def test_a_step_in_bf16_has_finite_losses_and_tables_in_float32(
    trainer: Trainer,
    tiny_embedding: EmbeddingConfig,
    seen: list[JointLosses],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Refined, norm-aware boxes too; the convolutions answer in bf16, the rows that tables take are float32."""
    monkeypatch.setattr("reid.devices.has_bfloat16", lambda device: True)
    run = trainer(embedding=dataclasses.replace(tiny_embedding, refined=True, norm_aware=True))
    run.task.model.precision = "auto"
    answers = set()
    run.task.model.detector.backbone.body.conv1.register_forward_hook(lambda _m, _i, answer: answers.add(answer.dtype))
    figures: list[dict[str, float]] = []
    run.run(lambda _step, _total, values: figures.append(values))
    assert answers == {torch.bfloat16}
    (step,) = figures
    assert {"loss_refined_classifier", "loss_norm", "loss_oim", "loss_toim"} <= step.keys()
    assert all(np.isfinite(value) for value in step.values())
    (found,) = seen
    assert found.embeddings.dtype == found.overlap.dtype == torch.float32
    assert all(value.dtype == torch.float32 for value in found.detection.values())
    tables = dict(run.task.criterion.named_buffers())
    floating = {name: value for name, value in tables.items() if value.is_floating_point()}
    assert len(floating) >= 4
    assert all(value.dtype == torch.float32 for value in floating.values())
    known, pooled = run.task.criterion.losses["oim"].table, run.task.criterion.losses["toim"].pool.pooled
    # Of unit length to the precision of float32: a row that was rounded to bf16 is off by a thousandth.
    torch.testing.assert_close(known.norm(dim=1), torch.ones(2), atol=1e-6, rtol=0)
    assert (pooled != pooled.bfloat16().float()).float().mean() > 0.3


def test_the_learning_rate_warms_up_over_a_tenth_of_the_steps_at_most_and_falls_to_the_end(trainer: Trainer) -> None:
    """Forty steps of four frames: four of warm-up, then half a cosine, in the file of figures as in the task."""
    run = trainer(epochs=40, warmup_steps=200)
    shares = [run.task.rate_share(step) for step in range(41)]
    assert run.total_steps == 40
    np.testing.assert_allclose(shares[:5], [0.25, 0.5, 0.75, 1.0, 1.0])
    np.testing.assert_allclose([shares[22], shares[40]], [0.505, 0.01])
    assert trainer(epochs=40, warmup_steps=2).task.rate_share(0) == 0.5, "a shorter warm-up is kept"
    used: list[float] = []
    run.total_steps = 3  # the rates of the first steps are enough

    def look(step: int, total: int, figures: dict[str, float]) -> None:
        used.append(figures["learning_rate"])
        if step == 3:
            raise StopIteration

    with pytest.raises(StopIteration):
        run.run(look)
    np.testing.assert_allclose(used, [1e-3 * share for share in shares[:3]])


def test_each_step_has_a_size_of_its_own_by_seed_and_step(
    tmp_path: Path, frames: list[FrameSample], tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    """The shorter side of the network's input, a multiple of 32, over twelve steps of the same batch."""

    def sizes(seed: int) -> list[int]:
        torch.manual_seed(0)
        detector = dataclasses.replace(tiny_detector, train_sizes=(64, 128))
        model = PersonSearchRCNN(detector, tiny_embedding, precision="float32").train()
        task = JointTrainingTask(model, frames[:4], config=dataclasses.replace(ONE_STEP, seed=seed), losses=TABLES)
        seen: list[int] = []
        model.detector.backbone.body.register_forward_pre_hook(lambda _, inputs: seen.append(min(inputs[0].shape[2:])))
        (batch,) = task.load(0, task.batches(0))
        for step in range(12):
            task.losses(model, batch, step)
        return seen

    first = sizes(0)
    assert set(first) == {64, 96, 128}
    assert first == sizes(0)
    assert first != sizes(1)


def test_the_trunk_learns_at_its_share_of_the_rate(trainer: Trainer) -> None:
    run = trainer(trunk_rate=0.25)
    trunk = {id(one) for one in run.task.model.detector.backbone.body.parameters()}
    groups = run.task.optimizer.param_groups
    rates = {(id(one) in trunk, group["initial_lr"]) for group in groups for one in group["params"]}
    assert rates == {(True, 0.25e-3), (False, 1e-3)}
    with pytest.raises(ValueError, match="trunk_rate is 0, expected more than 0"):
        trainer(trunk_rate=0)
