"""Published re-identification checkpoints: the imported model computes what the published network computes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from published_files import (
    State,
    bag_of_tricks,
    batch_norm,
    below,
    fast_reid,
    fast_reid_sbs,
    generalized_mean,
    non_local_state,
    norm_state,
    torchreid,
    trunk,
    trunk_state,
    under,
    with_instance_norm,
)
from torch import Tensor
from torch.nn import functional

from detection.published import Imported, Unsaid, import_published
from detection.published.crop_families import read_crop_model
from reid.crops.sphere_reid import SphereReID

SMALL = Unsaid(height=64, width=32)


def imported(state: Any, folder: Path, unsaid: Unsaid = SMALL) -> tuple[SphereReID, Imported]:
    torch.save(state, folder / "published.pth")
    told = import_published(folder / "published.pth", folder / "own.safetensors", unsaid)
    model = SphereReID.from_checkpoint(folder / "own.safetensors", device="cpu")
    model.precision = "float32"
    return model, told


def crops() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (64, 32, 3), dtype=np.uint8) for _ in range(3)]


def tensors() -> Tensor:
    return torch.from_numpy(np.stack(crops())).permute(0, 3, 1, 2) / 255


def same(model: SphereReID, expected: Tensor) -> None:
    """Raw features are equal, and the searched embeddings are their directions."""
    with torch.no_grad():
        raw = model(tensors()).embedding
    scale = expected.abs().max()
    assert scale > 0.01
    torch.testing.assert_close(raw, expected, atol=1e-4 * float(scale), rtol=1e-3)
    unit = functional.normalize(expected, dim=1)
    torch.testing.assert_close(model.embed(crops(), mirrored=False), unit, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(("small", "last_stride", "neck"), [(False, None, "after"), (True, 2, "before")])
def test_bag_of_tricks_has_no_relu_in_its_stem_and_a_neck(
    small: bool, last_stride: int | None, neck: Any, tmp_path: Path
) -> None:
    state = bag_of_tricks(small=small)
    model, told = imported(state, tmp_path, Unsaid(height=64, width=32, last_stride=last_stride, neck=neck))
    features = trunk(tensors(), below(state, "base."), last_stride=last_stride or 1, relu=False).mean((2, 3))
    same(model, features if neck == "before" else batch_norm(features, state, "bottleneck."))
    assert told.program == "bag of tricks"
    assert told.notes["people"] == 751
    assert any(
        "left out, because only training needs them" in line and "classifier.weight" in line for line in told.done
    )
    assert model.config.network == ("A" if neck == "before" else "bnneck")
    # A ReLU in the stem would be another network.
    other = trunk(tensors(), below(state, "base."), last_stride=last_stride or 1).mean((2, 3))
    assert (other - features).abs().max() > 0.01 * features.abs().max()


@pytest.mark.parametrize("reduced", [None, 24])
def test_fast_reid_pools_from_the_edge_and_may_make_fewer_numbers(reduced: int | None, tmp_path: Path) -> None:
    state = fast_reid(reduced=reduced)
    model, told = imported({"model": state, "iteration": 9, "optimizer": {"lr": 0.1}}, tmp_path)
    features = trunk(tensors(), below(state, "backbone."), last_stride=1, padded=False).mean((2, 3))
    if reduced is not None:
        features = features @ state["heads.bottleneck.0.weight"].flatten(1).T
    same(model, batch_norm(features, state, f"heads.bottleneck.{0 if reduced is None else 1}."))
    assert model.embedding_dim == (reduced or 512)
    assert any("not read beside the weights: iteration, optimizer" in line for line in told.done)
    padded = trunk(tensors(), below(state, "backbone."), last_stride=1).mean((2, 3))
    assert padded.shape[0] == 3
    assert told.program == "fast-reid"


def test_torchreid_is_torchvisions_resnet_with_nothing_behind_it(tmp_path: Path) -> None:
    state = torchreid()
    parallel = {f"module.{name}": value for name, value in state.items()}
    model, told = imported({"state_dict": parallel, "epoch": 60}, tmp_path)
    same(model, trunk(tensors(), state, last_stride=2).mean((2, 3)))
    assert told.notes["people"] == 1041
    assert any("a last stride of 2" in line for line in told.assumed)


@pytest.mark.parametrize(("inner", "power"), [(1, 2.4), (None, None)])
def test_fast_reid_with_ibn_non_local_blocks_and_gem(inner: int | None, power: float | None, tmp_path: Path) -> None:
    """The stronger baseline learns the power of its pooling; AGW has 3, which no weight tells."""
    state = fast_reid_sbs(inner, power)
    model, told = imported({"model": state}, tmp_path)
    maps = trunk(tensors(), below(state, "backbone."), last_stride=1, padded=False)
    same(model, batch_norm(generalized_mean(maps, power or 3), state, "heads.bnneck."))
    assert (model.config.attention, model.config.instance_norm) == ("single" if inner else "half", True)
    for part in ("IBN", "non-local blocks", "GeM pooling"):
        assert part in told.done[0], part
    assert told.done[1] == f"{len(state) - 1} of {len(state)} tensors are taken, none is random"
    assert any("pooled by GeM with p = 3 (--pooling)" in line for line in told.assumed) == (power is None)
    # Each of the three changes what comes out.
    plain = {name: value for name, value in state.items() if "NL_" not in name}
    alone = trunk(tensors(), below(plain, "backbone."), last_stride=1, padded=False)
    for other in (maps.mean((2, 3)), generalized_mean(alone, power or 3)):
        assert (other - generalized_mean(maps, power or 3)).abs().max() > 0.01


def test_agw_is_the_bag_of_tricks_under_a_learned_pooling(tmp_path: Path) -> None:
    state = bag_of_tricks() | under("base.", non_local_state(1)) | {"global_pool.p": torch.tensor([4.0])}
    model, told = imported(state, tmp_path)
    maps = trunk(tensors(), below(state, "base."), last_stride=1, relu=False)
    same(model, batch_norm(generalized_mean(maps, 4), state, "bottleneck."))
    assert told.program == "AGW"
    assert not any("--pooling" in line for line in told.assumed)


@pytest.mark.parametrize("family", ["bag of tricks", "torchreid"])
def test_ibn_of_other_programs_has_a_relu_in_its_stem(family: str, tmp_path: Path) -> None:
    own = with_instance_norm(trunk_state(0, small=True))
    if family == "torchreid":
        state = own | {"classifier.weight": torch.randn(751, 512)}
    else:  # its trunk has a classifier of ImageNet that it never uses
        state = under("base.", own) | {"base.fc.weight": torch.randn(1000, 512), "base.fc.bias": torch.randn(1000)}
        state["classifier.weight"] = torch.randn(751, 512)
    model, told = imported(state, tmp_path)
    same(model, trunk(tensors(), own, last_stride=2 if family == "torchreid" else 1).mean((2, 3)))
    assert told.program == family
    assert told.notes["people"] == 751
    never = "left out, because the published network never uses them: base.fc.weight, base.fc.bias"
    assert (never in told.done) == (family == "bag of tricks")


def test_who_knows_the_pooling_or_the_size_says_it(tmp_path: Path) -> None:
    state = fast_reid()
    model, told = imported(state, tmp_path, Unsaid(height=64, width=32, pooling="gem"))
    maps = trunk(tensors(), below(state, "backbone."), last_stride=1, padded=False)
    same(model, batch_norm(generalized_mean(maps, 3), state, "heads.bottleneck.0."))
    learned = state | {"heads.pool_layer.p": torch.tensor([2.0])}
    with pytest.raises(ValueError, match=r"pooling is mean, but the file has a power for it \(heads\.pool_layer\.p\)"):
        read_crop_model(learned, Unsaid(pooling="mean"))
    with pytest.raises(ValueError, match="pooling is 'max', expected 'mean' or 'gem'"):
        Unsaid(pooling="max")  # type: ignore[arg-type]
    # The stronger baseline of fast-reid is trained on higher crops.
    heights = [read_crop_model(one, Unsaid()).config.height for one in (state, learned, torchreid())]
    assert heights == [256, 384, 256]
    assert any("features are pooled by GeM with p = 3 (--pooling)" in line for line in told.assumed)


def test_the_card_and_the_header_say_what_was_done(tmp_path: Path) -> None:
    _, told = imported(bag_of_tricks(small=True), tmp_path)
    card = (tmp_path / "own.md").read_text()
    for text in (
        "resnet18, last stride 1, no ReLU behind the first BatchNorm",
        "751 people",
        "64 x 32",
        str(told.notes["sha256"]),
    ):
        assert text in card, text
    assert "License" in card
    assert [line for line in told.done if "none is random" in line]


def test_fingerprints_tell_stems_apart_and_those_of_before_stay() -> None:
    from dataclasses import replace

    from reid.crops.settings import SphereReIDConfig

    config = SphereReIDConfig(network="A", backbone="resnet18")
    torch.manual_seed(0)
    model = SphereReID(config)
    other = SphereReID(replace(config, stem="plain"))
    other.load_state_dict(model.state_dict())
    assert model.fingerprint() != other.fingerprint()
    assert "stem" not in repr(config)
    with pytest.raises(ValueError, match="stem 'plain' is of a ResNet"):
        replace(config, backbone="mobilenet_v2", stem="plain")
    with pytest.raises(ValueError, match="stem 'odd', expected one of"):
        replace(config, stem="odd")


def with_part(name: str, state: State) -> State:
    return state | {name: torch.zeros(4)}


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ("backbone.NL_1.0.g.weight", "1 parts are unknown, the first is backbone.NL_1.0.g.weight"),
        ("backbone.layer1.2.IN.weight", "instance normalization behind whole blocks"),
        ("backbone.conv1.0.weight", "a stem of several convolutions"),
        ("heads.bnneck.weight", "1 parts are unknown, the first is heads.bnneck.weight"),
        ("backbone.layer1.0.se.fc.0.weight", "squeeze-and-excitation"),
        ("heads.attention.weight", "1 parts are unknown, the first is heads.attention.weight"),
    ],
)
def test_parts_that_are_not_computed_here_refuse_the_file(part: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        read_crop_model(with_part(part, fast_reid()), SMALL)


def test_what_is_no_checkpoint_of_these_is_refused(tmp_path: Path) -> None:
    state = torchreid()
    without = {name: value for name, value in state.items() if not name.startswith("layer4.1.conv2")}
    cases: list[tuple[State, str]] = [
        (without, "1 parts are missing, the first is backbone.layer4.1.conv2.weight"),
        (state | {"layer1.0.conv1.weight": torch.zeros(64, 64, 1, 1)}, "1 parts have another shape"),
        (
            {name: value for name, value in state.items() if "layer3.5" not in name and "layer3.1" not in name},
            "the trunk has",
        ),
        (state | {"fc.0.weight": torch.zeros(512, 512)}, "a layer with ReLU behind the pooling"),
        (trunk_state(0, small=True) | {"fc.weight": torch.zeros(1000, 512)}, "a classifier of torchvision"),
        ({"conv1.conv.weight": torch.zeros(1), "conv2.0.conv1.conv.weight": torch.zeros(1)}, "OSNet"),
        ({"patch_embed.proj.weight": torch.zeros(1)}, "a transformer"),
        ({"encoder.weight": torch.zeros(1)}, "are of no known program"),
        ({"base.conv1.weight": torch.zeros(1)}, "the trunk has"),
        (fast_reid() | {"pixel_mean": torch.zeros(1, 3, 1, 1)}, "pixel_mean is"),
        (fast_reid(reduced=8) | norm_state(9, "heads.bottleneck.1."), "another shape"),
        (fast_reid() | {"heads.pool_layer.p": torch.ones(512)}, "1 parts have another shape, pooling.p"),
        (fast_reid() | under("backbone.", non_local_state(1)), "attention 'single' is of a resnet50"),
        (fast_reid() | {"backbone.NL_2.0.g.weight": torch.zeros(7, 512, 1, 1)}, "non-local blocks map"),
        (torchreid() | {"layer1.0.bn1.IN.weight": torch.ones(32)}, "parts are missing, the first is backbone.layer1"),
    ]
    for content, expected in cases:
        with pytest.raises(ValueError, match=expected):
            imported(content, tmp_path)
    with pytest.raises(ValueError, match="neck is before, but"):
        read_crop_model(fast_reid(reduced=8), Unsaid(neck="before"))
    assert not (tmp_path / "own.safetensors").exists()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"height": 8}, "height is 8"),
        ({"last_stride": 3}, "last_stride is 3"),
        ({"neck": "x"}, "neck is"),
        ({"max_size": 1}, "max_size"),
    ],
)
def test_what_is_said_is_in_its_range(settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        Unsaid(**settings)
