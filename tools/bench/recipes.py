"""What a row of a paper's table is made of, and how far it is scaled down."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from datasets.transforms import CropAugmentation
from reid.crops.backbones import Backbone
from reid.crops.settings import CropTrainingConfig
from reid.crops.sphere_reid import SphereReIDConfig
from reid.losses.criterion import LossConfig
from reid.runs.files import departures

PAPER_EPOCHS = 140
"""Of SphereReID, each draws every person once; warm-up and milestones shrink with the epochs."""

Figure = Literal["rank1", "mean_ap", "cuhk03_rank1"]
FIGURES: dict[Figure, str] = {"rank1": "rank-1", "mean_ap": "mAP", "cuhk03_rank1": "rank-1, CUHK03 protocol"}


@dataclass(frozen=True)
class Scale:
    """How large the trainings are; equal for all rows of a table.

    Args:
        backbone: of all networks.
        last_stride: of all networks but the bag of tricks', which has 1.
        height: of the input, pixels; crops are resized to 9/8 of it where the paper resizes to 288 x 144.
        width: likewise.
        epochs: of SphereReID's recipe, 140 in the paper.
        toim_epochs: of TOIM's recipe, each over all crops, 13 in the paper; the softmax training before takes `epochs`.
        tricks_epochs: of the bag of tricks, 120 in the paper.
        adadelta_rate: learning rate of TOIM's recipe, 0.001 in the paper, which starts from ImageNet's weights.
        weights: what every training starts from: "imagenet" in the papers.
    """

    backbone: Backbone = "resnet50"
    last_stride: int = 2
    height: int = 256
    width: int = 128
    epochs: int = PAPER_EPOCHS
    toim_epochs: int = 13
    tricks_epochs: int = 120
    adadelta_rate: float = 1e-3
    weights: str = "imagenet"


@dataclass(frozen=True)
class SplitSize:
    """What decides how many steps an epoch has; the defaults are Market-1501's.

    Args:
        crops: of the split "train".
        persons: of the split "train".
    """

    crops: int = 12_936
    persons: int = 751

    def drawn_steps(self, persons: int) -> int:
        """Steps of an epoch that draws every person once, so many in a batch."""
        return -(-self.persons // min(persons, self.persons))

    def shuffled_steps(self, batch_size: int) -> int:
        """Steps of an epoch over all crops."""
        return -(-self.crops // batch_size)


@dataclass(frozen=True)
class Recipe:
    """One training; rows of several tables may share it.

    Args:
        network: the structure.
        losses: what is minimized.
        training: how.
        augmentation: of the crops.
        weights: "none", "imagenet" or a file; not looked at with `start`.
        start: a training whose model this one starts from.
    """

    network: SphereReIDConfig
    losses: LossConfig
    training: CropTrainingConfig
    augmentation: CropAugmentation = field(default_factory=CropAugmentation)
    weights: str = "imagenet"
    start: "Recipe | None" = None

    def key(self) -> str:
        """12 hexadecimal digits of all that decides the trained model.

        Only what departs from its default counts, so that a setting added later leaves finished trainings valid.
        """
        return hashlib.sha256(json.dumps(departures(self), sort_keys=True).encode()).hexdigest()[:12]

    def with_seed(self, seed: int) -> "Recipe":
        """The same with another seed, in the training it starts from too."""
        start = None if self.start is None else self.start.with_seed(seed)
        return dataclasses.replace(self, training=dataclasses.replace(self.training, seed=seed), start=start)


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Args:
        label: what the paper calls it.
        recipe: what is trained.
        published: data set name -> figure -> percent, as printed in the paper; empty where the paper prints none.
        view: of the test crops.
        rerank: whether k-reciprocal re-ranking follows.
    """

    label: str
    recipe: Recipe
    published: Mapping[str, Mapping[Figure, float]] = field(default_factory=dict)
    view: Literal["whole", "center"] = "whole"
    rerank: bool = False


@dataclass(frozen=True)
class PaperTable:
    """A table or figure of a paper.

    Args:
        key: how the command line calls it.
        title: what it compares.
        source: paper and number.
        rows: its lines.
        claims: pairs of labels (better, worse) that the paper's text asserts.
        decided_by: the figure that decides them.
    """

    key: str
    title: str
    source: str
    rows: tuple[Row, ...]
    claims: tuple[tuple[str, str], ...] = ()
    decided_by: Figure = "rank1"
