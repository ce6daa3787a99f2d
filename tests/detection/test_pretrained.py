"""Published weights: the loading path with local files of the same structure, as there is no network in a test."""

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models
from torchvision.models.detection import fasterrcnn_mobilenet_v3_large_fpn, fasterrcnn_resnet50_fpn
from torchvision.models.detection.backbone_utils import mobilenet_backbone
from torchvision.ops import FrozenBatchNorm2d

from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from detection.pretrained import COCO, IMAGENET, load_pretrained, pretrained_structure
from detection.start import resumed_model, start_model
from reid.crops.settings import SphereReIDConfig
from reid.crops.sphere_reid import SphereReID

EMBEDDING = EmbeddingConfig(dimension=8, pool_height=4, pool_width=2, channels=8)
MOBILENET = DetectorConfig(
    backbone="mobilenet_v3_large",
    pyramid_levels=(4, 5),
    anchor_sizes=((32, 64, 128, 256, 512),) * 3,
    min_size=64,
    max_size=96,
)


def build(config: DetectorConfig, weights: str) -> PersonSearchRCNN:
    return PersonSearchRCNN(pretrained_structure(config, weights), EMBEDDING)


def test_coco_detector_of_resnet50_keeps_background_and_person(tmp_path: Path) -> None:
    """The default structure is torchvision's own: nothing of the published detector is missing or left over."""
    published = fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=91).state_dict()
    torch.save(published, tmp_path / "coco.pth")
    model = build(DetectorConfig(), str(tmp_path / "coco.pth"))
    assert load_pretrained(model, str(tmp_path / "coco.pth")) == []
    own = model.detector.state_dict()
    for name, value in own.items():
        if "box_predictor" not in name:
            assert torch.equal(value, published[name]), name
    scores = published["roi_heads.box_predictor.cls_score.weight"]
    assert torch.equal(own["roi_heads.box_predictor.cls_score.weight"], scores[[0, 1]])
    boxes = published["roi_heads.box_predictor.bbox_pred.weight"]
    assert torch.equal(own["roi_heads.box_predictor.bbox_pred.weight"], boxes[[0, 1, 2, 3, 4, 5, 6, 7]])
    # torchvision's published ResNet-50 detector was trained without an epsilon, and is evaluated without one.
    norms = [module for module in model.detector.backbone.body.modules() if isinstance(module, FrozenBatchNorm2d)]
    assert {module.eps for module in norms} == {0.0}


def test_the_early_stages_that_torchvision_freezes_are_frozen(tmp_path: Path) -> None:
    torch.save(models.mobilenet_v3_large(weights=None).state_dict(), tmp_path / "backbone.pth")
    model = build(MOBILENET, str(tmp_path / "backbone.pth"))
    load_pretrained(model, str(tmp_path / "backbone.pth"))
    theirs = mobilenet_backbone(
        backbone_name="mobilenet_v3_large", weights=None, fpn=True, norm_layer=FrozenBatchNorm2d, trainable_layers=3
    )
    frozen = {name for name, value in theirs.body.named_parameters() if not value.requires_grad}
    ours = dict(model.detector.backbone.body.named_parameters())
    assert {name for name, value in ours.items() if not value.requires_grad} == frozen != set()


def with_statistics(model: torch.nn.Module) -> torch.nn.Module:
    """Statistics as of a trained network: small variances, where the norm's epsilon counts."""
    for name, value in model.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(1e-4, 2.0)
    return model


def test_the_mobilenet_detector_proposes_and_regresses_as_torchvisions_does(tmp_path: Path) -> None:
    """Same maps, same proposals, same box of the class person for each; only the other classes are gone."""
    torch.manual_seed(0)
    theirs = fasterrcnn_mobilenet_v3_large_fpn(
        weights=None, weights_backbone=None, num_classes=3, min_size=64, max_size=96
    ).eval()
    for name, module in list(theirs.backbone.named_modules()):
        # With published weights torchvision builds its norm layers frozen, with their own epsilon.
        if isinstance(module, torch.nn.BatchNorm2d):
            parent = theirs.backbone.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], FrozenBatchNorm2d(module.num_features))
    with_statistics(theirs)
    save_file(theirs.state_dict(), tmp_path / "published.safetensors")
    ours = build(MOBILENET, str(tmp_path / "published.safetensors")).eval()
    load_pretrained(ours, str(tmp_path / "published.safetensors"))
    image = torch.rand(1, 3, 64, 80)
    features = [model.roi_heads.box_head(torch.ones(2, 256, 7, 7)) for model in (theirs, ours.detector)]
    assert torch.equal(*features)
    maps = [model.backbone(image) for model in (theirs, ours.detector)]
    for name, expected in maps[0].items():
        torch.testing.assert_close(maps[1][name], expected, atol=1e-4, rtol=1e-4)
    predicted = [model.roi_heads.box_predictor(features[0]) for model in (theirs, ours.detector)]
    torch.testing.assert_close(predicted[1][0], predicted[0][0][:, :2])
    torch.testing.assert_close(predicted[1][1], predicted[0][1][:, :8])
    proposals = [model.rpn(model.transform([image[0]])[0], maps[0])[0][0][:50] for model in (theirs, ours.detector)]
    torch.testing.assert_close(proposals[1], proposals[0], atol=1e-2, rtol=1e-4)


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50", "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0"])
def test_imagenet_backbone(tmp_path: Path, backbone: str) -> None:
    classifier = getattr(models, backbone)(weights=None)
    torch.save(classifier.state_dict(), tmp_path / "backbone.pth")
    config = MOBILENET if backbone == MOBILENET.backbone else DetectorConfig(backbone=backbone)
    model = build(config, str(tmp_path / "backbone.pth"))
    missing = load_pretrained(model, str(tmp_path / "backbone.pth"))
    assert missing
    assert not any(name.startswith("backbone.body") for name in missing)
    source = classifier.conv1 if backbone.startswith("resnet") else classifier.features[0][0]
    body = model.detector.backbone.body
    own = body["conv1"] if backbone.startswith("resnet") else body["0"][0]
    assert torch.equal(own.weight, source.weight)
    assert not own.weight.requires_grad
    assert any(parameter.requires_grad for parameter in body.parameters())


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize("backbone", ["resnet18", "resnet50", "mobilenet_v2"])
def test_a_classifiers_file_is_treated_as_imagenet_and_a_detectors_as_coco(
    tmp_path: Path, backbone: str, ending: str
) -> None:
    """The pyramid of a detector's file has no BatchNorm; a classifier's file says nothing of a pyramid."""
    config = DetectorConfig(backbone=backbone)
    trunk = {"features.0.0.weight" if backbone == "mobilenet_v2" else "conv1.weight": torch.zeros(1)}
    files = {"classifier": trunk, "detector": {f"backbone.body.{name}": value for name, value in trunk.items()}}
    structures = {}
    for kind, state in files.items():
        file = tmp_path / (kind + ending)
        save_file(state, file) if ending == ".safetensors" else torch.save(state, file)
        structures[kind] = pretrained_structure(config, str(file))
    assert structures["classifier"] == pretrained_structure(config, "imagenet")
    assert structures["classifier"].pyramid_norm
    assert structures["detector"] == pretrained_structure(config, "coco")
    assert not structures["detector"].pyramid_norm


def test_batch_norm_is_frozen_with_published_weights_only() -> None:
    frozen = build(DetectorConfig(backbone="resnet18"), "imagenet")
    assert any(isinstance(module, FrozenBatchNorm2d) for module in frozen.detector.backbone.body.modules())
    trained = build(DetectorConfig(backbone="resnet18"), "none")
    assert not any(isinstance(module, FrozenBatchNorm2d) for module in trained.modules())
    with pytest.raises(ValueError, match="freezes BatchNorm at random"):
        pretrained_structure(DetectorConfig(frozen_norm=True), "none")


def test_the_named_weights_are_torchvisions_enums() -> None:
    assert IMAGENET["resnet50"].url.endswith(".pth")
    assert COCO["resnet50"].meta["categories"][:2] == ["__background__", "person"]
    assert COCO["mobilenet_v3_large"].meta["categories"][:2] == ["__background__", "person"]


def test_without_a_network_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that fails as a machine without network fails: the address does not resolve."""
    from urllib.error import URLError

    def refuse(*_: object, **__: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    model = build(DetectorConfig(backbone="resnet18"), "imagenet")
    with pytest.raises(ConnectionError, match="connect to the network once, or give a file"):
        load_pretrained(model, "imagenet")


def test_there_are_no_coco_weights_of_resnet18() -> None:
    model = build(DetectorConfig(backbone="resnet18"), "coco")
    with pytest.raises(ValueError, match="expected one of resnet50, mobilenet_v3_large"):
        load_pretrained(model, "coco")


def test_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    model = build(DetectorConfig(backbone="resnet18"), "imagenet")
    with pytest.raises(FileNotFoundError, match="is no file, expected none, imagenet, coco"):
        pretrained_structure(DetectorConfig(), str(tmp_path / "missing.pth"))
    with pytest.raises(FileNotFoundError, match="is no file, expected none, imagenet, coco"):
        load_pretrained(model, str(tmp_path / "missing.pth"))
    (tmp_path / "text.pth").write_text("weights")
    with pytest.raises(ValueError, match="cannot be read as plain tensors"):
        load_pretrained(model, str(tmp_path / "text.pth"))
    torch.save({"epoch": 3}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="no plain state dict"):
        load_pretrained(model, str(tmp_path / "other.pth"))
    torch.save({"linear.weight": torch.ones(2, 2)}, tmp_path / "linear.pth")
    with pytest.raises(
        ValueError, match=r"60 parameters of a resnet18 are missing|parameters of a resnet18 are missing"
    ):
        load_pretrained(model, str(tmp_path / "linear.pth"))
    torch.save(models.resnet50(weights=None).state_dict(), tmp_path / "resnet50.pth")
    with pytest.raises(ValueError, match="has shape"):
        load_pretrained(model, str(tmp_path / "resnet50.pth"))


def test_a_crop_model_whose_trunk_no_detector_has_is_refused(tmp_path: Path) -> None:
    network = SphereReIDConfig(network="A", backbone="resnet18", stem="plain", pooling="gem", instance_norm=True)
    SphereReID(network).save(tmp_path / "crops.safetensors")
    with pytest.raises(ValueError, match="with stem plain, pooling gem, instance_norm True, which no detector has"):
        load_pretrained(PersonSearchRCNN(MOBILENET, EMBEDDING), str(tmp_path / "crops.safetensors"))


def test_a_pickle_that_would_run_code_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str, str]]:
            return (Path.write_text, (str(tmp_path / "ran"), "x"))

    torch.save({"weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match="cannot be read as plain tensors"):
        load_pretrained(build(DetectorConfig(backbone="resnet18"), "imagenet"), str(tmp_path / "evil.pth"))
    assert not (tmp_path / "ran").exists()


def test_a_training_may_start_from_a_model_of_this_project(
    tmp_path: Path, tiny_model: PersonSearchRCNN, tiny_embedding: EmbeddingConfig
) -> None:
    from detection.checkpoints import save_model

    save_model(tmp_path / "model.safetensors", tiny_model)
    started = start_model(str(tmp_path / "model.safetensors"), DetectorConfig(), EmbeddingConfig(), seed=1)
    assert started.training
    assert started.embedding_config == tiny_embedding
    for name, value in tiny_model.state_dict().items():
        assert torch.equal(value, started.state_dict()[name].cpu()), name


def test_a_training_may_take_the_detector_alone_of_a_model(
    tmp_path: Path, tiny_model: PersonSearchRCNN, tiny_detector: DetectorConfig
) -> None:
    """Its head begins anew, in another structure too, and by the seed; the detector's structure must be the file's."""
    from detection.checkpoints import save_model

    file = str(tmp_path / "model.safetensors")
    save_model(Path(file), tiny_model)
    wide = dataclasses.replace(tiny_detector, min_size=tiny_detector.min_size + 16)
    head = EmbeddingConfig(dimension=12, channels=16, refined=True)
    one, same, other = (start_model(file, wide, head, seed=seed, new_head=True) for seed in (1, 1, 2))
    assert (one.detector_config, one.embedding_config) == (wide, head)
    for name, value in tiny_model.detector.state_dict().items():
        assert torch.equal(value, one.detector.state_dict()[name].cpu()), name
    heads = [
        torch.cat([value.flatten() for value in model.embedding_head.parameters()]) for model in (one, same, other)
    ]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])
    narrow = dataclasses.replace(tiny_detector, pyramid_channels=8)
    with pytest.raises(ValueError, match="give its structure, which departs in pyramid_channels"):
        start_model(file, narrow, head, seed=1, new_head=True)
    with pytest.raises(ValueError, match="detector of a joint model's file, weights are imagenet"):
        start_model("imagenet", tiny_detector, head, seed=1, new_head=True)
    save_model(tmp_path / "run" / "model.safetensors", one)
    assert resumed_model(tmp_path / "run", file, wide, head, new_head=True).embedding_config == head
    with pytest.raises(ValueError, match=r"was trained with embedding\.refined = True"):
        resumed_model(tmp_path / "run", file, wide, dataclasses.replace(head, refined=False), new_head=True)
