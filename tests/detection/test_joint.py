"""The joint model: what its three methods promise."""

import dataclasses

import numpy as np
import pytest
import torch

from datasets.samples import UNLABELLED
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN


def targets(boxes: list[list[float]], people: list[int]) -> dict[str, torch.Tensor]:
    return {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.ones(len(boxes), dtype=torch.int64),
        "person_index": torch.tensor(people, dtype=torch.int64),
        "camera_index": torch.full((len(boxes),), 3, dtype=torch.int64),
    }


@pytest.fixture
def images() -> list[torch.Tensor]:
    torch.manual_seed(1)
    return [torch.rand(3, 96, 128), torch.rand(3, 120, 90)]


BOXES = [[10.0, 10.0, 40.0, 80.0], [60.0, 20.0, 85.0, 90.0]]


def test_losses_are_finite_and_reach_every_parameter(tiny_model: PersonSearchRCNN, images: list[torch.Tensor]) -> None:
    tiny_model.train()
    result = tiny_model.losses(images, [targets(BOXES, [4, UNLABELLED]), targets(BOXES[:1], [2])])
    assert set(result.detection) == {"loss_objectness", "loss_rpn_box_reg", "loss_classifier", "loss_box_reg"}
    assert all(torch.isfinite(value) for value in result.detection.values())
    (sum(result.detection.values()) + result.embeddings.square().mean(dim=0)[0]).backward()
    assert all(parameter.grad is not None for parameter in tiny_model.parameters())


def test_embeddings_carry_the_identity_of_the_box_they_lie_on(
    tiny_model: PersonSearchRCNN, images: list[torch.Tensor]
) -> None:
    tiny_model.train()
    result = tiny_model.losses(images, [targets(BOXES, [4, UNLABELLED]), targets(BOXES[:1], [2])])
    assert len(result.embeddings) == len(result.person_index) == len(result.camera_index) == len(result.image_index)
    first = result.person_index[result.image_index == 0].tolist()
    assert set(first) == {4, UNLABELLED}
    assert set(result.person_index[result.image_index == 1].tolist()) == {2}
    assert set(result.camera_index.tolist()) == {3}
    assert result.overlap.min() >= 0.5


@pytest.mark.parametrize("people", [0, 1])
def test_batches_with_hardly_anybody_train_all_the_same(
    tiny_model: PersonSearchRCNN, images: list[torch.Tensor], people: int
) -> None:
    tiny_model.train()
    result = tiny_model.losses(images[:1], [targets([[0.0, 0.0, 2.0, 2.0]][:people], [0][:people])])
    assert result.embeddings.shape[1] == 24
    assert len(result.embeddings) == len(result.person_index) >= people
    sum(result.detection.values()).backward()
    assert all(torch.isfinite(value) for value in result.detection.values())


def test_losses_change_nothing_but_batch_norm(tiny_model: PersonSearchRCNN, images: list[torch.Tensor]) -> None:
    tiny_model.train()
    before = {name: value.clone() for name, value in tiny_model.state_dict().items()}
    tiny_model.losses(images, [targets(BOXES, [4, UNLABELLED]), targets(BOXES[:1], [2])])
    changed = {name for name, value in tiny_model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all(name.rsplit(".", 1)[1] in ("running_mean", "running_var", "num_batches_tracked") for name in changed)


def test_trained_from_nothing_every_batch_norm_trains(tiny_model: PersonSearchRCNN) -> None:
    norms = [module for module in tiny_model.modules() if "BatchNorm" in type(module).__name__]
    assert norms
    assert all(type(module).__name__ != "FrozenBatchNorm2d" for module in norms)
    assert all(module.weight.requires_grad for module in norms)


def permissive(model: PersonSearchRCNN) -> PersonSearchRCNN:
    """An untrained model finds nobody at the usual threshold."""
    model.detector.roi_heads.score_thresh = 0.0
    return model.eval()


def test_detections_lie_in_their_image_best_first(tiny_model: PersonSearchRCNN, images: list[torch.Tensor]) -> None:
    for image, found in zip(images, permissive(tiny_model).detect(images), strict=True):
        assert len(found) > 1
        assert (found.boxes[:, :2] >= 0).all()
        assert (found.boxes[:, 2] <= image.shape[2] + 1e-3).all()
        assert (found.boxes[:, 3] <= image.shape[1] + 1e-3).all()
        assert (found.scores.diff() <= 0).all()
        torch.testing.assert_close(found.embeddings.norm(dim=1), torch.ones(len(found)))


def test_embeddings_of_detections_are_those_of_their_final_boxes(
    tiny_model: PersonSearchRCNN, images: list[torch.Tensor]
) -> None:
    """A probe whose box is a detection's gets that detection's embedding, so gallery and probe are comparable."""
    found = permissive(tiny_model).detect(images)
    wide = [(one.boxes[:, 2:] - one.boxes[:, :2]).min(dim=1).values > 1 for one in found]
    found = [one[mask] for one, mask in zip(found, wide, strict=True)]
    assert all(len(one) > 1 for one in found)
    again = tiny_model.embed(images, [one.boxes for one in found])
    for one, embeddings in zip(found, again, strict=True):
        torch.testing.assert_close(one.embeddings, embeddings, atol=1e-4, rtol=1e-3)


def test_batch_equals_singles_for_images_of_one_size(tiny_model: PersonSearchRCNN) -> None:
    torch.manual_seed(3)
    images = [torch.rand(3, 96, 128) for _ in range(3)]
    together = permissive(tiny_model).detect(images)
    for image, expected in zip(images, together, strict=True):
        alone = tiny_model.detect([image])[0]
        assert len(alone) == len(expected) > 1
        torch.testing.assert_close(alone.boxes, expected.boxes, atol=1e-2, rtol=1e-4)
        torch.testing.assert_close(alone.embeddings, expected.embeddings, atol=1e-3, rtol=1e-3)


def test_no_images_and_no_boxes(tiny_model: PersonSearchRCNN, images: list[torch.Tensor]) -> None:
    tiny_model.eval()
    assert tiny_model.detect([]) == []
    assert tiny_model.embed([], []) == []
    none, one = tiny_model.embed(images, [torch.zeros(0, 4), torch.tensor([[5.0, 5.0, 30.0, 60.0]])])
    assert none.shape == (0, 24)
    assert one.shape == (1, 24)


@pytest.mark.parametrize("box", [[10, 10, 10, 50], [30, 10, 20, 50], [200, 10, 220, 50], [float("nan"), 1, 5, 9]])
def test_embed_refuses_a_box_without_area_in_its_image(
    tiny_model: PersonSearchRCNN, images: list[torch.Tensor], box: list[float]
) -> None:
    with pytest.raises(ValueError, match="no area inside the image of 128 x 96 pixels"):
        tiny_model.eval().embed(images[:1], [torch.tensor([box], dtype=torch.float32)])


def test_each_method_names_the_mode_it_needs(tiny_model: PersonSearchRCNN, images: list[torch.Tensor]) -> None:
    with pytest.raises(RuntimeError, match="training mode"):
        tiny_model.eval().losses(images, [])
    with pytest.raises(RuntimeError, match="evaluation mode"):
        tiny_model.train().detect(images)
    with pytest.raises(RuntimeError, match="evaluation mode"):
        tiny_model.embed(images, [torch.zeros(0, 4)] * 2)
    with pytest.raises(ValueError, match="2 images but 1 sets of boxes"):
        tiny_model.eval().embed(images, [torch.zeros(0, 4)])


def test_what_a_search_asks_of_a_model(tiny_model: PersonSearchRCNN) -> None:
    assert tiny_model.embedding_dim == 24
    assert tiny_model.least_confidence == 0.05
    assert tiny_model.sees_surroundings
    canvas, box = tiny_model.view(np.zeros((60, 30, 3), dtype=np.uint8))
    assert canvas.shape == (240, 320, 3)
    assert box.tolist() == [145, 90, 175, 150]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backbone": "vgg"}, "backbone 'vgg'"),
        ({"pyramid_levels": (0, 1)}, "expected increasing levels of 1 to 4"),
        ({"pyramid_levels": (2, 1)}, "expected increasing levels"),
        ({"anchor_sizes": ((32,),)}, "1 anchor_sizes, expected 5"),
        ({"anchor_sizes": ((32,), (64,), (128,), (256,), (256, 512))}, "the same number on each level"),
        ({"min_size": 2000}, "min_size 2000"),
    ],
)
def test_a_structure_that_cannot_be_built_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DetectorConfig(**change)


@pytest.mark.parametrize(
    ("backbone", "levels"), [("resnet50", (2, 3)), ("resnet18", (1, 2, 3, 4)), ("mobilenet_v3_large", (4, 5))]
)
def test_every_backbone_detects(backbone: str, levels: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    config = DetectorConfig(
        backbone=backbone,
        pyramid_levels=levels,
        pyramid_channels=16,
        anchor_sizes=((32,),) * (len(levels) + 1),
        box_features=16,
        min_size=64,
        max_size=96,
        score_threshold=0.0,
    )
    found = PersonSearchRCNN(config).eval().detect([torch.rand(3, 64, 80)])[0]
    assert len(found)
    assert found.embeddings.shape == (len(found), 256)


@pytest.mark.parametrize("width", [640, 1500])
def test_boxes_stay_float32_where_the_network_computes_in_bf16(
    tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """In bf16 a coordinate of 1200 pixels would be a multiple of 8; what the heads learn must not be so coarse."""
    monkeypatch.setattr("reid.devices.has_bfloat16", lambda device: True)
    config = dataclasses.replace(tiny_detector, min_size=width // 4, max_size=width)
    model = PersonSearchRCNN(config, tiny_embedding).train()
    seen: dict[str, list[torch.Tensor]] = {}
    heads = model.detector.roi_heads
    select = heads.select_training_samples

    def watch(proposals: list[torch.Tensor], given: list[dict[str, torch.Tensor]]) -> object:
        chosen = select(proposals, given)
        seen["proposals"], seen["targets"] = chosen[0], chosen[3]
        return chosen

    monkeypatch.setattr(heads, "select_training_samples", watch)
    image = torch.rand(3, width // 4, width)
    box = [[width - 103.3, 7.7, width - 61.1, width / 5]]
    result = model.losses([image], [targets(box, [0])])
    assert seen["proposals"][0].dtype == seen["targets"][0].dtype == result.embeddings.dtype == torch.float32
    assert all(cell.dtype == torch.float32 for cell in model.detector.rpn.anchor_generator.cell_anchors)
    # The true box is among the proposals, to the bit that float32 has, and its regression target is zero.
    found = torch.isclose(seen["proposals"][0], torch.tensor(box), atol=1e-3).all(dim=1)
    assert found.any()
    model.eval()
    detections = permissive(model).detect([image])[0]
    coarse = detections.boxes.bfloat16().float()
    assert (detections.boxes != coarse).float().mean() > 0.3
