"""SphereReID: a network that maps the crop of a person to a point of the unit sphere."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional

from reid.crops.backbones import build_backbone, early_layers, trains_in_float32
from reid.crops.layers import GeneralizedMeanPooling, MeanPooling
from reid.crops.settings import SphereReIDConfig
from reid.devices import Precision, at_least_float32, autocast, default_device
from reid.features import PersonFeatures
from reid.runs.weight_files import (
    NoChance,
    model_file,
    read_weight_header,
    read_weights,
    state_fingerprint,
    write_weights,
)

FORMAT = "personsearch-crop-1"


class SphereReID(nn.Module):
    """The crop model: it maps a cut-out picture of a person to an embedding of unit length, a point of the sphere.

    Source: Fan, Jiang, Luo, Fei: SphereReID: Deep Hypersphere Manifold Embedding for Person Re-Identification,
    2018. Three options are not of the paper and are off by default: another stride of the last convolution, random
    erasing, and losses over hard examples.

    Args:
        config: The structure; None for the paper's.
        precision: "auto" computes the trunk in bf16 where the device has it; the embedding is float32 in either case.

    Example:
        >>> config = SphereReIDConfig(
        ...     backbone="resnet18", dimension=8, height=64, width=32, resize_height=64, resize_width=32
        ... )
        >>> model = SphereReID(config)  # a trained one comes from SphereReID.from_checkpoint("runs/market")
        >>> crop = np.zeros((128, 64, 3), dtype=np.uint8)
        >>> model.embed([crop, crop]).shape  # unit length; cosine similarity compares them
        torch.Size([2, 8])
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: SphereReIDConfig | None = None, *, precision: Precision = "auto") -> None:
        super().__init__()
        self.config = config or SphereReIDConfig()
        self.precision: Precision = precision
        config = self.config
        self.backbone, self.feature_dim = build_backbone(
            config.backbone,
            last_stride=config.last_stride,
            stride=config.stride,
            stem=config.stem,
            instance_norm=config.instance_norm,
            attention=config.attention,
        )
        self.pooling = GeneralizedMeanPooling() if config.pooling == "gem" else MeanPooling()
        if config.frozen_early:
            for layer in early_layers(config.backbone, self.backbone):
                layer.requires_grad_(False)
        self.head, self.embedding_dim = _head(config, self.feature_dim)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def train(self, mode: bool = True) -> Self:
        """Switches training mode on or off; frozen layers stay in evaluation mode, where BatchNorm learns nothing.

        Args:
            mode: Whether to train.
        """
        super().train(mode)
        if self.config.frozen_early:
            for layer in early_layers(self.config.backbone, self.backbone):
                layer.eval()
        return self

    def forward(self, crops: Tensor) -> PersonFeatures:
        """Computes the features of a batch.

        Args:
            crops: [N, 3, H, W] RGB, uint8 in 0..255 or floating point in [0, 1]; any H and W that leave the trunk a
                map.

        Returns:
            The features, float32.
        """
        scaled = crops.float() / 255 if crops.dtype == torch.uint8 else crops
        normalized = ((scaled - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        height, width = crops.shape[-2:]
        exact = self.training and trains_in_float32(self.config.backbone, height, width)
        with autocast(crops.device, self.precision, float32_on_processor=exact):
            maps = self.backbone(normalized)  # [N, F, h, w]
        with torch.autocast(crops.device.type, enabled=False):
            features = self.pooling(at_least_float32(maps))  # [N, F]
            return PersonFeatures(features, self.head(features))

    @torch.inference_mode()
    def embed(
        self,
        crops: Sequence[NDArray[np.uint8]],
        *,
        batch_size: int = 64,
        mirrored: bool = True,
        network: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """Computes unit embeddings of crops, in evaluation mode.

        Args:
            crops: Each is (H, W, 3) uint8 RGB, of any size.
            batch_size: How many crops go through the network together. More is faster up to a point and takes more
                memory.
            mirrored: Whether to average with the embedding of the mirrored crop: more accurate, twice the work.
            network: What turns crops (N, 3, H, W) uint8 into raw embeddings (N, D) (`reid.runtime`); None is the model
                itself.

        Returns:
            (N, D) float32 on the processor, rows of unit length.

        Raises:
            ValueError: A crop is no uint8 RGB picture with pixels, or the batch size is below 1.
        """
        if batch_size < 1:
            raise ValueError(f"batch size {batch_size}, expected at least 1")
        was_training = self.training
        self.eval()
        raw = network or (lambda images: self(images).embedding)
        result = torch.empty(len(crops), self.embedding_dim)
        for start in range(0, len(crops), batch_size):
            batch = np.stack([self.view(crop) for crop in crops[start : start + batch_size]])
            images = torch.from_numpy(batch).permute(0, 3, 1, 2).to(self.device)
            embedding = functional.normalize(raw(images), dim=1)
            if mirrored:
                embedding = embedding + functional.normalize(raw(images.flip(-1)), dim=1)
            result[start : start + batch_size] = functional.normalize(embedding, dim=1).cpu()
        self.train(was_training)
        return result

    def view(self, crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Chooses the part of a crop that is embedded, in the size that the network was trained for.

        Args:
            crop: (H, W, 3) uint8 RGB, of any size.

        Returns:
            (H', W', 3) uint8 RGB.

        Raises:
            ValueError: The crop is no uint8 RGB picture with pixels.
        """
        if crop.ndim != 3 or crop.shape[2] != 3 or crop.dtype != np.uint8 or not crop.size:
            raise ValueError(f"crop is {crop.dtype} {crop.shape}, expected uint8 (H, W, 3) RGB with pixels")
        config = self.config
        # The enlarging and shrinking that training sees, from albumentations' Resize: bilinear.
        resized = cv2.resize(crop, (config.resize_width, config.resize_height), interpolation=cv2.INTER_LINEAR)
        if config.test_view == "whole":
            return np.asarray(resized, dtype=np.uint8)
        top, left = (config.resize_height - config.height) // 2, (config.resize_width - config.width) // 2
        return np.asarray(resized[top : top + config.height, left : left + config.width], dtype=np.uint8)

    def save(self, path: Path, *, notes: Mapping[str, object] | None = None, half: bool = False) -> None:
        """Writes the model, whole or not at all.

        Args:
            path: The file, usually *.safetensors.
            notes: Anything worth knowing later (data, seed, command), JSON-able.
            half: Whether to store float16, half the size, with a rounding of about 1e-3 in each weight.
        """
        header = {
            "format": FORMAT,
            "network": json.dumps(dataclasses.asdict(self.config)),
            "notes": json.dumps(dict(notes or {})),
        }
        write_weights(path, self, header, half=half)

    @classmethod
    def from_checkpoint(cls, path: Path | str, *, device: torch.device | str | None = None) -> "SphereReID":
        """Loads the model of a file or of a run directory, in evaluation mode.

        Args:
            path: The file, or the directory of a run.
            device: Where the model goes; None takes the GPU when there is one.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file is not a crop model of this project, or is damaged.
        """
        header = read_weight_header(path, FORMAT, made_by="train crop")
        path = model_file(path)
        try:
            with NoChance():
                model = cls(SphereReIDConfig(**json.loads(header["network"])))
            model.load_state_dict(read_weights(path))
        except (KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(
                f"{path} does not fit this version of the project ({reason}); use the version that wrote it"
            ) from None
        model.to(default_device() if device is None else torch.device(device)).to(memory_format=torch.channels_last)
        return model.eval()

    @torch.no_grad()
    def projection(self) -> tuple[Tensor, Tensor]:
        """Says what the layers after the pooling do in evaluation mode, as one linear map of the features.

        Returns:
            The weight (D, F) and the bias (D,): the embedding is weight @ features + bias.
        """
        was_training = self.training
        self.eval()
        bias: Tensor = self.head(torch.zeros(1, self.feature_dim, device=self.device))[0]  # (D,)
        weight = (self.head(torch.eye(self.feature_dim, device=self.device)) - bias).T  # (D, F)
        self.train(was_training)
        return weight.contiguous(), bias

    def fingerprint(self) -> str:
        """Gives 16 hexadecimal digits that two models share only if their weights and structure are equal."""
        # Fingerprints of models that were made before there was a choice of stems, and of others, stay as they are.
        special = "".join(self.config.special_parts).removeprefix("stem ")
        return state_fingerprint(repr(self.config) + special, self)


def _head(config: SphereReIDConfig, features: int) -> tuple[nn.Module, int]:
    """The layers after the pooling, (N, F) -> (N, D), and D."""
    if config.network == "A":
        return nn.Identity(), features
    if config.network == "bnneck":
        neck = nn.BatchNorm1d(features)
        neck.bias.requires_grad_(False)
        return neck, features
    linear = nn.Linear(features, config.dimension, bias=config.bias)
    nn.init.kaiming_normal_(linear.weight, a=1)
    if config.bias:
        nn.init.zeros_(linear.bias)
    layers: list[nn.Module] = [linear]
    if config.network == "D":
        layers = [nn.BatchNorm1d(features), nn.Dropout(config.dropout), *layers]
    if config.network in ("C", "D"):
        layers.append(nn.BatchNorm1d(config.dimension))
    return nn.Sequential(*layers), config.dimension
