"""Structure and training recipe of a crop network: settings alone, which cost nothing to import."""

from dataclasses import dataclass, field
from typing import Literal, get_args

Stem = Literal["torchvision", "plain", "unpadded"]
Pooling = Literal["mean", "gem"]
Attention = Literal["none", "single", "half"]
Backbone = Literal["resnet18", "resnet34", "resnet50", "mobilenet_v2", "efficientnet_b0"]


@dataclass(frozen=True)
class SphereReIDConfig:
    """The structure of the crop network; the defaults are the paper's final ones.

    Args:
        network: What follows the global average pooling. "A": nothing; "B": FC; "C": FC, BN; "D": BN, dropout, FC, BN
            (SphereReID); "bnneck": BN without a shift and no FC, as the bag of tricks has it.
        backbone: The trunk that sees the crop: "resnet18", "resnet34", "resnet50", or for small machines "mobilenet_v2"
            or "efficientnet_b0".
        dimension: The width D of the embedding for B, C and D; A and bnneck keep the backbone's: 512 (resnet18,
            resnet34), 2048 (resnet50) or 1280.
        dropout: The share of the features before the FC that D drops in training, 0 or more and less than 1.
        bias: Whether the FC has one.
        last_stride: The stride of the backbone's last group of layers, which begins at a 16th of the input. 1 doubles
            its map for four times its work; the paper has 2.
        stride: The stride of the two groups before the last; 1 for TOIM's Table 1.
        frozen_early: Whether the stem and the first group of layers stay as the starting weights have them, whose
            filters are general: they do not train, and their BatchNorm keeps its statistics. A MobileNetV2 then trains
            about twice as fast. From nothing it must be false.
        height: The rows of the network's input in training, in pixels.
        width: The columns of the network's input in training, in pixels.
        resize_height: The rows that crops are resized to, before a window of height x width is taken.
        resize_width: The columns that crops are resized to, before a window of height x width is taken.
        test_view: What is embedded: "whole", the resized crop, or "center", its middle of height x width (Table 5).
        stem: What follows the first convolution and BatchNorm of a ResNet. "torchvision": ReLU and max pooling over a
            padded map; "plain": max pooling alone, as the published bag of tricks computes; "unpadded": ReLU and max
            pooling that begins at the edge, as fast-reid computes. Imported models have one of the last two.
        pooling: How a map becomes features: "mean", or "gem", the generalized mean with a learned power.
        instance_norm: Whether the first norm of every block of a ResNet, but for those of the last group, normalizes
            half of its channels over each picture (IBN-a).
        attention: Whether places of a ResNet-50's maps see each other, by non-local blocks behind the last two blocks
            of its second group and the last three of its third: "none", or by "single" or "half" as many channels.

    Raises:
        ValueError: A value is unknown or out of its range.
    """

    network: Literal["A", "B", "C", "D", "bnneck"] = "D"
    backbone: Backbone = "resnet50"
    dimension: int = 1024
    dropout: float = 0.25
    bias: bool = True
    last_stride: int = 2
    stride: int = 2
    # What is trained is no part of a model, and fingerprints of models that were made before stay as they are.
    frozen_early: bool = field(default=False, repr=False)
    height: int = 256
    width: int = 128
    resize_height: int = 288
    resize_width: int = 144
    test_view: Literal["whole", "center"] = "whole"
    # The fingerprint is made of the text of all fields but these, which came later: see `special_parts`.
    stem: Stem = field(default="torchvision", repr=False)
    pooling: Pooling = field(default="mean", repr=False)
    instance_norm: bool = field(default=False, repr=False)
    attention: Attention = field(default="none", repr=False)

    def __post_init__(self) -> None:
        if self.network not in ("A", "B", "C", "D", "bnneck"):
            raise ValueError(f"network {self.network!r}, expected A, B, C, D or bnneck")
        for name, known in (("stem", Stem), ("pooling", Pooling), ("attention", Attention)):
            if getattr(self, name) not in get_args(known):
                raise ValueError(f"{name} {getattr(self, name)!r}, expected one of {', '.join(get_args(known))}")
        for name in ("stem", "instance_norm"):
            if self._is_special(name) and not self.backbone.startswith("resnet"):
                raise ValueError(
                    f"{name} {getattr(self, name)!r} is of a ResNet, backbone is {self.backbone}; leave {name} out"
                )
        if self.attention != "none" and self.backbone != "resnet50":
            raise ValueError(
                f"attention {self.attention!r} is of a resnet50, backbone is {self.backbone}; leave attention out"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}, expected 0 or more and less than 1")
        for name in ("dimension", "height", "width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")
        if self.resize_height < self.height or self.resize_width < self.width:
            raise ValueError(
                f"a window of {self.height}x{self.width} does not fit in crops of "
                f"{self.resize_height}x{self.resize_width}; raise resize_height and resize_width"
            )

    @property
    def special_parts(self) -> tuple[str, ...]:
        """What makes the network another one than torchvision's trunk under mean pooling, such as "stem plain"."""
        names = [name for name in ("stem", "pooling", "instance_norm", "attention") if self._is_special(name)]
        return tuple(f"{name} {getattr(self, name)}" for name in names)

    def _is_special(self, name: str) -> bool:
        return bool(getattr(self, name) != getattr(SphereReIDConfig, name))


@dataclass(frozen=True)
class CropTrainingConfig:
    """How the crop model is trained; the defaults are SphereReID's recipe.

    Args:
        epochs: The length of the training. The sampler "balanced" draws every person once an epoch, "shuffled" every
            crop.
        small_epochs: The epochs at the beginning that see crops at two thirds of the input's height and width, in less
            than half the time; what they teach holds at the full size too (progressive resizing; Howard, "Training
            Imagenet in 3 hours for 25 minutes", 2018). 0 trains at the full size alone.
        sampler: "balanced" makes batches of P people with K pictures each, "shuffled" of any pictures, as many.
        persons: The number P of people in a batch.
        images: The number K of pictures of each; the batch holds P x K crops, over all processes.
        optimizer: "adam" (betas 0.9 and 0.99), "adadelta" or "sgd" (Nesterov momentum 0.9).
        learning_rate: The rate after the warm-up, above 0.
        weight_decay: The pull of every weight towards 0, but of biases and BatchNorm; 0 is none.
        warmup_epochs: The time in which the learning rate rises to its full height; 0 starts at the full rate.
        warmup_start: The share of the rate that the warm-up starts at, above 0 and at most 1.
        schedule: "steps" lets the rate fall to a tenth at each of `milestones`, "cosine" to a hundredth along half a
            cosine.
        milestones: The epochs at which the rate falls.
        clip_norm: The largest norm that the gradients of a step may have: longer ones are scaled down to it. 0 leaves
            them.
        accumulate: The number of parts in which a batch is computed; more of them need less memory. BatchNorm and the
            losses then see a part at a time, so triplets are found within it.
        ema_decay: The share of its old value that the moving average of the weights keeps at a step; that average is
            what is kept in the end. 0 keeps the weights of the last step.
        initialize_tables: Whether TOIM's Pooled Table starts from what the starting weights make of the training
            crops; those weights are then of a model trained with softmax (the TOIM paper, section V).
        seed: The seed of weights, order and augmentation, 0 or more.
        workers: The threads that decode and augment ahead of the network; 0 does it between the steps.
        cache_megabytes: The memory for decoded crops; 0 decodes them in each epoch.
        checkpoint_steps: The steps from one resume point to the next; there is one at the end too.
        evaluate_epochs: The epochs from one evaluation of the query and gallery splits to the next; 0 never evaluates.
    """

    epochs: int = 140
    small_epochs: int = 0
    sampler: Literal["balanced", "shuffled"] = "balanced"
    persons: int = 16
    images: int = 4
    optimizer: Literal["adam", "adadelta", "sgd"] = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    warmup_epochs: float = 20
    warmup_start: float = 0.05
    schedule: Literal["steps", "cosine"] = "steps"
    milestones: tuple[float, ...] = (80, 100)
    clip_norm: float = 0.0
    accumulate: int = 1
    ema_decay: float = 0.0
    initialize_tables: bool = False
    seed: int = 0
    workers: int = 2
    cache_megabytes: int = 2048
    checkpoint_steps: int = 200
    evaluate_epochs: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "persons", "images", "accumulate", "checkpoint_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")
        not_negative = (
            "workers", "warmup_epochs", "cache_megabytes", "evaluate_epochs", "weight_decay", "clip_norm", "seed",
            "small_epochs",
        )  # fmt: skip
        for name in not_negative:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 0 or more")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate is {self.learning_rate}, expected more than 0")
        if not 0 < self.warmup_start <= 1:
            raise ValueError(f"warmup_start is {self.warmup_start}, expected more than 0 and at most 1")
        if self.persons * self.images // self.accumulate < 2:
            raise ValueError("a batch or part of one crop has nothing to compare with; raise persons or images")
