"""Starting from weights of another model: published ones, a file in torchvision's structure, or a crop model."""

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor
from torchvision import models
from torchvision.models import detection as detectors

from detection.backbones import early_parameters, has_layer_norm
from detection.joint import PersonSearchRCNN
from detection.settings import DetectorConfig
from reid.crops.sphere_reid import SphereReID
from reid.crops.start import is_crop_model
from reid.runs.torchvision_weights import download_weights, is_classifier, read_weight_file, trunk_of_classifier

IMAGENET = {
    "resnet50": models.ResNet50_Weights.IMAGENET1K_V1,
    "resnet18": models.ResNet18_Weights.IMAGENET1K_V1,
    "mobilenet_v2": models.MobileNet_V2_Weights.IMAGENET1K_V1,
    "mobilenet_v3_large": models.MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    "efficientnet_b0": models.EfficientNet_B0_Weights.IMAGENET1K_V1,
    "convnext_tiny": models.ConvNeXt_Tiny_Weights.IMAGENET1K_V1,
    "convnext_small": models.ConvNeXt_Small_Weights.IMAGENET1K_V1,
    "convnext_base": models.ConvNeXt_Base_Weights.IMAGENET1K_V1,
    "swin_t": models.Swin_T_Weights.IMAGENET1K_V1,
    "swin_s": models.Swin_S_Weights.IMAGENET1K_V1,
    "swin_b": models.Swin_B_Weights.IMAGENET1K_V1,
    "swin_v2_t": models.Swin_V2_T_Weights.IMAGENET1K_V1,
    "swin_v2_s": models.Swin_V2_S_Weights.IMAGENET1K_V1,
    "swin_v2_b": models.Swin_V2_B_Weights.IMAGENET1K_V1,
}
COCO = {
    "resnet50": detectors.FasterRCNN_ResNet50_FPN_Weights.COCO_V1,
    "mobilenet_v3_large": detectors.FasterRCNN_MobileNet_V3_Large_FPN_Weights.COCO_V1,
}
KNOWN: dict[str, Mapping[str, models.WeightsEnum]] = {"imagenet": IMAGENET, "coco": COCO}

COCO_PERSON = 1
"""The row of the person in torchvision's 91 COCO classes; row 0 is the background."""


def pretrained_structure(config: DetectorConfig, weights: str) -> DetectorConfig:
    """Changes a structure to the one that published weights need.

    As torchvision does, BatchNorm is frozen, and the pyramid has none.
    From "none" the structure stays as it is, and its BatchNorm must train. With "imagenet" the pyramid keeps what it
    has, and with the file of a classifier and a crop model too, as they hold a trunk alone.

    Args:
        config: The structure that was asked for.
        weights: "none", "imagenet", "coco" or a file; a crop model also by the folder of its run.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: BatchNorm would be frozen at its random initial state, or the file is damaged.
    """
    if weights == "none":
        if config.frozen_norm:
            raise ValueError("frozen_norm with weights 'none' freezes BatchNorm at random; set frozen_norm to false")
        return config
    of_trunk = weights == "imagenet" or has_layer_norm(config.backbone) or is_crop_model(weights)
    if of_trunk or (weights not in KNOWN and is_classifier(read_weight_file(weights))):
        return dataclasses.replace(config, frozen_norm=True)
    epsilon = 0.0 if config.backbone == "resnet50" else config.norm_epsilon
    return dataclasses.replace(config, frozen_norm=True, pyramid_norm=False, norm_epsilon=epsilon)


def load_pretrained(model: PersonSearchRCNN, weights: str) -> list[str]:
    """Fills a model, built with `pretrained_structure`, from published weights or from a file.

    Args:
        model: The model. Its early layers (stem and first level) are frozen afterwards, as torchvision does.
        weights: "none"; "imagenet", the backbone alone; "coco", the whole detector, of whose 91 classes the rows of
            background and person are kept; or a file, .pth or .safetensors, with either of both structures; or a crop
            model of this project, of which the trunk is taken. An embedding head that samples people from the trunk
            begins with the trunk's later levels, and with what follows them in a crop model of as long embeddings.

    Returns:
        The names of the detector's parameters that were not in the weights and stay random.

    Raises:
        ConnectionError: The weights are not in torch's cache and cannot be downloaded.
        FileNotFoundError: There is no such file.
        ValueError: The names and shapes in the file fit neither structure.
    """
    if weights == "none":
        return []
    detector = model.detector
    crop_model = SphereReID.from_checkpoint(weights, device="cpu") if is_crop_model(weights) else None
    if crop_model is not None and crop_model.config.special_parts:
        raise ValueError(
            f"weights {weights}: a crop model with {', '.join(crop_model.config.special_parts)}, which no detector "
            "has; begin with one whose trunk is torchvision's"
        )
    published = crop_model.backbone.state_dict() if crop_model else _published(weights, model.detector_config.backbone)
    state = _detector_state(published)
    own = detector.state_dict()
    wrong = [name for name in state if name in own and own[name].shape != state[name].shape]
    if wrong:
        name = wrong[0]
        raise ValueError(
            f"weights {weights}: {name} has shape {tuple(state[name].shape)}, expected {tuple(own[name].shape)} "
            f"({len(wrong)} such parameters); build the model with the structure that the weights were made for"
        )
    result = detector.load_state_dict(state, strict=False)
    missing = [name for name in result.missing_keys if not name.endswith("num_batches_tracked")]
    absent = [name for name in missing if name.startswith("backbone.body")]
    if absent:
        raise ValueError(
            f"weights {weights}: {len(absent)} parameters of a {model.detector_config.backbone} are missing, "
            f"{absent[0]} among them; expected torchvision's names"
        )
    freeze_early_layers(model)
    _fill_embedding_head(model, state, crop_model)
    return missing


def _fill_embedding_head(model: PersonSearchRCNN, state: dict[str, Tensor], crop_model: SphereReID | None) -> None:
    """An embedding head that goes on where the trunk is left begins with the trunk's layers and the crop model's."""
    own = model.state_dict()
    blocks = {name: name.replace("embedding_head.blocks.", "backbone.body.") for name in own}
    taken = {name: state[source] for name, source in blocks.items() if name != source and source in state}
    if taken and crop_model is not None and crop_model.embedding_dim == model.embedding_dim:
        parts = ("embedding_head.project.weight", "embedding_head.project.bias")
        taken |= dict(zip(parts, crop_model.projection(), strict=True))
    model.load_state_dict(own | taken)


def freeze_early_layers(model: PersonSearchRCNN) -> None:
    """Stops training of the stem and the first level, whose filters are general; torchvision's `trainable_layers=3`.

    Args:
        model: The model, which is changed.
    """
    frozen = early_parameters(model.detector_config.backbone)
    for name, parameter in model.detector.backbone.body.named_parameters():
        if name.startswith(frozen):
            parameter.requires_grad_(False)


def _published(weights: str, backbone: str) -> dict[str, Tensor]:
    if weights in KNOWN:
        return download_weights(KNOWN[weights], weights, backbone)
    return read_weight_file(weights)


def _detector_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names and rows as our detector has them: a classifier's trunk goes under the backbone, people's rows are kept."""
    if is_classifier(state):
        return {f"backbone.body.{name}": value for name, value in trunk_of_classifier(state).items()}
    kept = dict(state)
    classes = len(state.get("roi_heads.box_predictor.cls_score.bias", ()))
    if classes > 2:
        rows = torch.tensor([0, COCO_PERSON])
        for part in ("weight", "bias"):
            scores, boxes = f"roi_heads.box_predictor.cls_score.{part}", f"roi_heads.box_predictor.bbox_pred.{part}"
            kept[scores] = state[scores][rows]
            # Four rows of box regression for each class, class by class.
            kept[boxes] = state[boxes].unflatten(0, (classes, 4))[rows].flatten(0, 1)
    return kept
