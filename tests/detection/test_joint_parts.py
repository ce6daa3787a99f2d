"""Refined boxes, norm-aware embeddings, several sizes, and what is drawn of a frame."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import box_iou

from datasets.boxes import paired_overlap
from datasets.samples import UNLABELLED, FrameSample
from detection.checkpoints import load_model, save_model
from detection.embedding_head import NormScore
from detection.faster_rcnn import FrameSampler
from detection.joint import JointLosses, PersonSearchRCNN, Target
from detection.settings import DetectorConfig, EmbeddingConfig, JointTrainingConfig
from detection.training import JointTrainingTask, best_boxes
from reid.losses.settings import LossConfig
from reid.runs.run import TrainingRun

BOXES = torch.tensor([[10.0, 12, 40, 84], [60, 8, 90, 80]])
BY_NORM = {"refined": True, "norm_aware": True, "score_by": "norm"}
PARTS = [{"refined": True}, {"norm_aware": True}, {"refined": True, "norm_aware": True}, BY_NORM]
NAMES = ["refined", "norm", "both", "by-norm"]


def model_of(detector: DetectorConfig, embedding: EmbeddingConfig, **changes: Any) -> PersonSearchRCNN:
    torch.manual_seed(0)
    return PersonSearchRCNN(detector, dataclasses.replace(embedding, **changes), precision="float32")


def batch(count: int = 2) -> tuple[list[torch.Tensor], list[Target]]:
    generator = torch.Generator().manual_seed(1)
    images = [torch.rand(3, 96, 128, generator=generator) for _ in range(count)]
    target = {
        "boxes": BOXES, "labels": torch.ones(2, dtype=torch.int64), "person_index": torch.tensor([3, UNLABELLED]),
        "camera_index": torch.zeros(2, dtype=torch.int64),
    }  # fmt: skip
    return images, [target | {"frame_seed": torch.tensor(row)} for row in range(count)]


@pytest.mark.parametrize("parts", PARTS, ids=NAMES)
def test_each_part_has_its_losses_and_its_gradient(
    tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig, parts: dict[str, Any]
) -> None:
    model = model_of(tiny_detector, tiny_embedding, **parts).train()
    result = model.losses(*batch())
    assert set(result.detection) == {"loss_objectness", "loss_rpn_box_reg", *model.box_loss_names}
    assert ("loss_refined_classifier" in result.detection) == ("refined" in parts)
    assert ("loss_norm" in result.detection) == ("norm_aware" in parts)
    assert len(result.embeddings) == len(result.person_index) == len(result.overlap) == len(result.truth_index)
    assert set(result.person_index.tolist()) == {3, UNLABELLED}
    assert result.overlap.min() >= 0.5
    assert result.overlap.max() == pytest.approx(1, abs=1e-5), "the true boxes are among the samples"
    (sum(result.detection.values()) + result.embeddings.square().mean()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("parts", PARTS, ids=NAMES)
def test_each_part_detects_and_survives_its_file(
    tmp_path: Path, tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig, parts: dict[str, Any]
) -> None:
    detector = dataclasses.replace(tiny_detector, score_threshold=0.0)
    model = model_of(detector, tiny_embedding, **parts).eval()
    images, _ = batch()
    found = model.detect(images)
    assert all(len(one) for one in found)
    for one in found:
        assert one.embeddings is not None
        torch.testing.assert_close(one.embeddings.norm(dim=1), torch.ones(len(one)))
        assert ((one.scores >= 0) & (one.scores <= 1)).all()
        assert (one.boxes[:, 2:] <= torch.tensor([128.0, 96])).all()
    save_model(tmp_path / "model.safetensors", model)
    again = load_model(tmp_path / "model.safetensors", device="cpu")
    again.precision = "float32"
    assert again.embedding_config == model.embedding_config
    assert again.fingerprint() == model.fingerprint()
    torch.testing.assert_close(again.detect(images)[0].boxes, found[0].boxes)
    alone = model.detect(images[:1])[0]
    torch.testing.assert_close(alone.boxes, found[0].boxes, atol=1e-3, rtol=1e-4)


def test_an_embedding_that_is_longer_is_more_surely_a_person(
    tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    score = NormScore()
    people, others = 5 * torch.randn(64, 8), torch.randn(64, 8)
    rows, labels = torch.cat([people, others]), torch.cat([torch.ones(64), torch.zeros(64)])
    optimizer = torch.optim.SGD(score.parameters(), lr=1.0)
    for _ in range(30):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(score(rows), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    score.eval()
    logits = score(torch.tensor([[9.0, 0, 0, 0, 0, 0, 0, 0], [0, 0.5, 0, 0, 0, 0, 0, 0]]))
    assert logits[0] > 1 > -1 > logits[1]


def test_the_norm_scores_detections_where_it_is_asked_to(
    tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    detector = dataclasses.replace(tiny_detector, score_threshold=0.0)
    images, _ = batch()
    for by, sure in (("classifier", False), ("norm", True)):
        model = model_of(detector, tiny_embedding, norm_aware=True, score_by=by).eval()
        before = model.detect(images)[0]
        assert model.norm_score is not None
        torch.nn.init.constant_(model.norm_score.norm.bias, 20.0)
        after = model.detect(images)[0]
        assert bool((after.scores > 0.99).all()) == sure
        if not sure:
            torch.testing.assert_close(after.scores, before.scores)
    with pytest.raises(ValueError, match="set norm_aware too"):
        EmbeddingConfig(score_by="norm")


def test_overlaps_of_pairs_are_the_diagonal_of_all() -> None:
    corners = torch.rand(50, 2, 2) * 100
    boxes = torch.cat([corners.min(dim=1).values, corners.max(dim=1).values], dim=1)
    others = boxes.roll(1, dims=0)
    torch.testing.assert_close(paired_overlap(boxes, others), box_iou(boxes, others).diag())
    assert paired_overlap(boxes[:0], boxes[:0]).shape == (0,)
    assert paired_overlap(torch.zeros(1, 4), torch.zeros(1, 4)).tolist() == [0]


def test_the_best_box_of_each_person_and_frame() -> None:
    generator = torch.Generator().manual_seed(0)
    image, truth = torch.randint(0, 3, (40,), generator=generator), torch.randint(0, 4, (40,), generator=generator)
    overlap = torch.randint(5, 10, (40,), generator=generator) / 10
    found = JointLosses({}, torch.zeros(40, 2), truth, truth, image, truth, overlap)
    best: dict[tuple[int, int], int] = {}
    for row in range(40):
        key = (int(image[row]), int(truth[row]))
        if key not in best or overlap[row] > overlap[best[key]]:
            best[key] = row
    assert best_boxes(found).tolist() == sorted(best.values())
    empty = JointLosses({}, torch.zeros(0, 2), *(truth[:0],) * 4, overlap[:0])
    assert best_boxes(empty).tolist() == []


def test_what_is_drawn_of_a_frame_depends_on_its_seed_alone() -> None:
    labels = [torch.tensor([1, 0] * 20), torch.tensor([0] * 30 + [1] * 10), torch.tensor([1, 0, 0, 0] * 10)]
    sampler = FrameSampler(8, 0.5, part=1)
    sampler.seeds = [7, 8, 9]
    state = torch.get_rng_state()
    people, others = sampler(labels)
    assert torch.equal(torch.get_rng_state(), state), "the global generator is left alone"
    torch.rand(5)
    sampler.seeds = [9, 8]
    again, rest = sampler([labels[2], labels[1]])
    assert torch.equal(again[0], people[2])
    assert torch.equal(rest[1], others[1])
    sampler.seeds = [10]
    assert not torch.equal(sampler([labels[2]])[1][0], others[2])
    assert [int(mask.sum()) for mask in people] == [4, 4, 4]


def test_one_size_is_drawn_for_a_batch_and_detection_has_its_own(
    tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    model = model_of(dataclasses.replace(tiny_detector, train_sizes=(48, 64)), tiny_embedding)
    images, targets = batch(3)
    model.train()
    torch.manual_seed(0)
    seen = set()
    for _ in range(20):
        sizes = model.detector.transform(images, [dict(target) for target in targets])[0].image_sizes
        assert len(set(sizes)) == 1
        seen.add(min(sizes[0]))
    assert seen == {48, 64, 96}
    model.eval()
    assert min(model.detector.transform(images)[0].image_sizes[0]) == 96
    with pytest.raises(ValueError, match="train_sizes"):
        dataclasses.replace(tiny_detector, train_sizes=(16,))


@pytest.mark.parametrize(("height", "width"), [(2, 2000), (2000, 2), (1, 900), (1, 1), (3, 161)])
def test_a_frame_of_any_proportions_is_searched_and_trained_on(
    tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig, height: int, width: int
) -> None:
    model = model_of(tiny_detector, tiny_embedding)
    images, targets = batch(2)
    images[1] = torch.rand(3, height, width)
    targets[1]["boxes"] = torch.tensor([[0.0, 0.0, width, height]] * 2)
    model.eval()
    with torch.no_grad():
        both = model.detect(images)
    assert len(both) == 2
    assert (both[1].boxes >= 0).all()
    assert (both[1].boxes[:, 2] <= width + 1e-3).all()
    assert (both[1].boxes[:, 3] <= height + 1e-3).all()
    assert torch.isfinite(model.embed([images[1]], [targets[1]["boxes"][:1]])[0]).all()
    model.train()
    scaled, scaled_targets = model.detector.transform(images, [dict(target) for target in targets])
    assert min(scaled.image_sizes[1]) >= 1
    assert scaled_targets is not None
    assert torch.isfinite(scaled_targets[1]["boxes"]).all()
    losses = model.losses(images, targets).detection
    assert all(torch.isfinite(loss) for loss in losses.values())


def test_usual_frames_are_scaled_as_torchvision_does(
    tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    own = model_of(tiny_detector, tiny_embedding).eval().detector.transform
    theirs = GeneralizedRCNNTransform(96, 160, own.image_mean, own.image_std).eval()
    images = [torch.rand(3, 90, 160), torch.rand(3, 200, 30), torch.rand(3, 2, 300)]
    for image in images:
        assert torch.equal(own([image])[0].tensors, theirs([image])[0].tensors)


@pytest.mark.parametrize(("losses", "changes"), [
    (LossConfig(sphere=0, toim=1, toim_scale=10, toim_queue=4), {"sure_updates": True}),
    (LossConfig(sphere=0, oim=1, oim_queue=4, toim=1), {"anchors": "one"}),
    (LossConfig(sphere=0, softmax=1, triplet=1, triplet_unit_length=True), {"ema_decay": 0.9}),
    (LossConfig(sphere=1), {"accumulate": 3}),
], ids=["toim", "oim+toim", "softmax+triplet", "sphere"])  # fmt: skip
def test_identity_losses_add_up_and_go_on_after_a_resume_point(
    tmp_path: Path,
    frames: list[FrameSample],
    tiny_detector: DetectorConfig,
    tiny_embedding: EmbeddingConfig,
    losses: LossConfig,
    changes: dict[str, object],
) -> None:
    config = dataclasses.replace(
        JointTrainingConfig(epochs=2, batch_size=3, learning_rate=1e-3, workers=0, checkpoint_steps=4), **changes
    )

    def trainer(run: str) -> TrainingRun:
        model = model_of(dataclasses.replace(tiny_detector, min_size=64, max_size=96), tiny_embedding)
        return TrainingRun(JointTrainingTask(model, frames, config=config, losses=losses), tmp_path / run)

    whole = trainer("whole")
    seen: list[dict[str, float]] = []
    whole.run(lambda _step, _total, figures: seen.append(figures))
    for figures in seen:
        parts = [value for name, value in figures.items() if name.removeprefix("loss_") in vars(losses)]
        weights = [
            losses.weight(name) for name in ("sphere", "softmax", "oim", "triplet", "toim") if losses.weight(name)
        ]
        assert figures["loss_identity"] == pytest.approx(np.dot(parts, weights), rel=1e-4)
    assert all(np.isfinite(figures["loss"]) for figures in seen)

    def stop(step: int, total: int, figures: dict[str, float]) -> None:
        if step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer("cut").run(stop)
    again = trainer("cut")
    again.resume()
    assert again.step == 4
    again.run()
    for name, value in whole.task.model.state_dict().items():
        assert torch.equal(value, again.task.model.state_dict()[name]), name
    for (name, value), (_, other) in zip(
        whole.task.criterion.state_dict().items(), again.task.criterion.state_dict().items()
    ):
        assert torch.equal(value, other), name


def test_an_average_forgets_the_start_and_is_what_is_kept(
    tmp_path: Path, frames: list[FrameSample], tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    config = JointTrainingConfig(epochs=2, batch_size=3, learning_rate=1e-3, workers=0, ema_decay=0.5)
    trainer = TrainingRun(
        JointTrainingTask(model_of(tiny_detector, tiny_embedding), frames, config=config), tmp_path / "run"
    )
    steps = []
    name = "embedding_head.project.weight"
    trainer.run(lambda *_: steps.append(trainer.task.model.state_dict()[name].clone()))
    expected = steps[0]
    for done, weight in enumerate(steps[1:], start=1):
        share = min(0.5, (1 + done) / (10 + done))
        expected = share * expected + (1 - share) * weight
    torch.testing.assert_close(load_model(tmp_path / "run", device="cpu").state_dict()[name], expected)
    torch.testing.assert_close(trainer.task.model.state_dict()[name], expected)


def test_a_batch_that_cannot_be_divided_is_named(
    tmp_path: Path, frames: list[FrameSample], tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    def run_of(config: JointTrainingConfig) -> TrainingRun:
        task = JointTrainingTask(model_of(tiny_detector, tiny_embedding), frames, config=config)
        return TrainingRun(task, tmp_path / "run")

    config = JointTrainingConfig(epochs=1, batch_size=4, workers=0, accumulate=3)
    with pytest.raises(ValueError, match=r"a batch of 4 cannot be divided among 1 process in 3 parts each"):
        run_of(config)
    assert not (tmp_path / "run").exists()
    with pytest.raises(ValueError, match="ema_decay is 1"):
        run_of(dataclasses.replace(config, ema_decay=1.0))
