"""People embedded from a map of the trunk: the branch sees what a crop model sees, and begins as one."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torchvision import models
from torchvision.ops import roi_align

from detection.backbones import later_levels
from detection.checkpoints import load_model, save_model
from detection.joint import PersonSearchRCNN
from detection.settings import BackboneName, DetectorConfig, EmbeddingConfig
from detection.start import resumed_model, start_model
from reid.crops.settings import SphereReIDConfig
from reid.crops.sphere_reid import SphereReID

EMBEDDING = EmbeddingConfig(dimension=12, pool_height=16, pool_width=8, source="trunk", level=2)
FRAME = torch.rand(3, 64, 96, generator=torch.Generator().manual_seed(0))
BOXES = torch.tensor([[10.0, 4, 40, 60], [50, 10, 90, 60]])


def detector(backbone: BackboneName) -> DetectorConfig:
    return DetectorConfig(
        backbone=backbone, pyramid_levels=(2, 3), pyramid_channels=16, anchor_sizes=((16,), (32,), (64,)),
        anchor_ratios=(2.0,), box_features=16, min_size=64, max_size=96, rpn_post_nms=20, box_batch=8,
    )  # fmt: skip


def crop_model(folder: Path, backbone: str, network: str = "D", last_stride: int = 2) -> SphereReID:
    """A crop model in a run's folder, whose norms have seen something."""
    torch.manual_seed(3)
    structure = SphereReIDConfig(
        network=network, backbone=backbone, dimension=12, last_stride=last_stride, height=64, width=32,
        resize_height=64, resize_width=32,
    )  # type: ignore[arg-type]  # fmt: skip
    model = SphereReID(structure, precision="float32").train()
    with torch.no_grad():
        model(torch.rand(6, 3, 64, 32))
    model.eval().save(folder / "model.safetensors")
    return model


def embedded(model: PersonSearchRCNN) -> Tensor:
    model.precision = "float32"
    return model.eval().embed([FRAME], [BOXES])[0]


@pytest.mark.parametrize("last_stride", [1, 2])
@pytest.mark.parametrize("backbone", ["mobilenet_v2", "resnet18", "efficientnet_b0"])
def test_it_begins_as_the_crop_model_on_a_map_of_the_frame(
    tmp_path: Path, backbone: BackboneName, last_stride: int
) -> None:
    """The crop model's first layers see the frame, its later ones each box of that map; computed here by its parts."""
    teacher = crop_model(tmp_path, backbone, last_stride=last_stride)
    embedding = dataclasses.replace(EMBEDDING, last_stride=last_stride)
    model = start_model(str(tmp_path), detector(backbone), embedding, seed=0)
    layers = list(teacher.backbone.children())
    first = {"mobilenet_v2": 7, "resnet18": 6, "efficientnet_b0": 4}[backbone]
    with torch.no_grad():
        seen = (FRAME[None] - teacher.mean) / teacher.std  # the frame has the size of the network's input
        for layer in layers[:first]:
            seen = layer(seen)
        samples = roi_align(seen, [BOXES], (16, 8), spatial_scale=1 / 8, sampling_ratio=2)
        for layer in layers[first:]:
            samples = layer(samples)
        expected = functional.normalize(teacher.head(samples.mean((2, 3))), dim=1)
    torch.testing.assert_close(embedded(model), expected, atol=2e-5, rtol=1e-3)
    assert model.detector_config.frozen_norm


@pytest.mark.parametrize("network", ["B", "C", "D"])
def test_the_head_of_a_crop_model_is_one_linear_map(tmp_path: Path, network: str) -> None:
    teacher = crop_model(tmp_path, "resnet18", network)
    features = torch.randn(5, 512, generator=torch.Generator().manual_seed(1))
    weight, bias = teacher.projection()
    with torch.no_grad():
        torch.testing.assert_close(features @ weight.T + bias, teacher.head(features), atol=1e-4, rtol=1e-4)
    assert not teacher.training


def test_a_head_on_the_pyramid_or_of_another_length_begins_at_random_on_the_crop_models_trunk(tmp_path: Path) -> None:
    teacher = crop_model(tmp_path, "resnet18")
    weight, _ = teacher.projection()
    on_pyramid = EmbeddingConfig(dimension=12, pool_height=8, pool_width=4, channels=16)
    for embedding in (on_pyramid, dataclasses.replace(EMBEDDING, dimension=20)):
        file = str(tmp_path / "model.safetensors")
        model = start_model(file, detector("resnet18"), embedding, seed=0)
        assert model.embedding_dim == embedding.dimension
        own = model.detector.backbone.body.state_dict()
        assert all(torch.equal(value, teacher.backbone.state_dict()[name]) for name, value in own.items())
        assert not torch.equal(model.embedding_head.project.weight[:12, :512], weight)


@pytest.mark.parametrize("backbone", ["mobilenet_v2", "resnet18"])
@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_later_levels_follow_the_earlier_ones(backbone: BackboneName, level: int) -> None:
    later, width = later_levels(backbone, level, frozen_norm=False, norm_epsilon=1e-5)
    network = getattr(models, backbone)(weights=None).eval()
    trunk = network.features if backbone == "mobilenet_v2" else network
    names = [name for name, _ in trunk.named_children() if name not in ("avgpool", "fc")]
    mine = [name for name, _ in later.named_children()]
    assert names[-len(mine) :] == mine
    later.load_state_dict({name: value for name, value in trunk.state_dict().items() if name.split(".")[0] in mine})
    seen = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        for name in names[: -len(mine)]:
            seen = getattr(trunk, name)(seen)
        assert seen.shape[2] == 64 // 2 ** (level + 1)
        found = later.eval()(seen)
        for name in mine:
            seen = getattr(trunk, name)(seen)
    assert torch.equal(found, seen)
    assert found.shape == (1, width, 2, 2)


def test_it_trains_and_comes_back_from_its_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = PersonSearchRCNN(detector("mobilenet_v2"), EMBEDDING, precision="float32").train()
    target = {
        "boxes": BOXES, "labels": torch.ones(2, dtype=torch.int64), "person_index": torch.tensor([0, -1]),
        "camera_index": torch.zeros(2, dtype=torch.int64), "frame_seed": torch.tensor(1),
    }  # fmt: skip
    empty = target | {name: target[name][:0] for name in ("boxes", "labels", "person_index", "camera_index")}
    found = model.losses([FRAME, FRAME], [target, empty])
    assert found.embeddings.shape[1] == 12
    assert len(found.embeddings) >= 2
    (found.embeddings.square().mean() + sum(found.detection.values())).backward()
    branch = dict(model.embedding_head.named_parameters())
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in branch.values() if value.ndim > 1)
    # What finds people and what tells them apart share the trunk up to the level where they part.
    assert model.detector.backbone.body["4"].conv[0][0].weight.grad is not None
    assert model.losses([FRAME], [empty]).embeddings.shape == (0, 12)
    save_model(tmp_path / "model.safetensors", model)
    again = load_model(tmp_path / "model.safetensors", device="cpu")
    assert torch.equal(embedded(again), embedded(model))
    assert resumed_model(tmp_path, "none", detector("mobilenet_v2"), EMBEDDING).embedding_config == EMBEDDING


def test_how_people_are_embedded_does_not_change_where_they_are_found() -> None:
    torch.manual_seed(0)
    one = PersonSearchRCNN(detector("resnet18"), EMBEDDING, precision="float32").eval()
    other = PersonSearchRCNN(
        detector("resnet18"), EmbeddingConfig(dimension=12, pool_height=8, pool_width=4, channels=16),
        precision="float32",
    ).eval()  # fmt: skip
    other.detector.load_state_dict(one.detector.state_dict())
    first, second = one.detect([FRAME])[0], other.detect([FRAME])[0]
    assert torch.equal(first.boxes, second.boxes)
    assert torch.equal(first.scores, second.scores)
    assert first.embeddings is not None
    assert first.embeddings.shape == (len(first.boxes), 12)


def test_what_cannot_be_built_is_named() -> None:
    with pytest.raises(ValueError, match=r"embedding.level is 1, expected one of the pyramid_levels \(2, 3\)"):
        PersonSearchRCNN(detector("resnet18"), dataclasses.replace(EMBEDDING, level=1))
    with pytest.raises(ValueError, match=r"detector.backbone swin_t, expected a ResNet"):
        PersonSearchRCNN(detector("swin_t"), EMBEDDING)
