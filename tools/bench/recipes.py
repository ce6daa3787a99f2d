"""What a row of a paper's table is made of, and how far it is scaled down."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from datasets.augmentation import CropAugmentation
from reid.crops.settings import Backbone, CropTrainingConfig, SphereReIDConfig
from reid.losses.settings import LossConfig
from reid.runs.files import RENAMED_VALUES, departures

PAPER_EPOCHS = 140
"""The epochs of SphereReID, each of which draws every person once; warm-up and milestones shrink with the epochs."""

Figure = Literal["rank1", "mean_ap", "cuhk03_rank1"]
FIGURES: dict[Figure, str] = {"rank1": "rank-1", "mean_ap": "mAP", "cuhk03_rank1": "rank-1, CUHK03 protocol"}


@dataclass(frozen=True)
class Scale:
    """How large the trainings are; equal for all rows of a table.

    Args:
        backbone: The trunk of all networks.
        last_stride: The stride of the last stage of all networks but the bag of tricks', which has 1.
        height: The rows of the input in pixels; crops are resized to 9/8 of it where the paper resizes to 288 x 144.
        width: The columns of the input in pixels; crops are resized in the same way.
        epochs: The epochs of SphereReID's recipe, 140 in the paper.
        toim_epochs: The epochs of TOIM's recipe, each over all crops, 13 in the paper. The softmax training before it
            takes `epochs`.
        tricks_epochs: The epochs of the bag of tricks, 120 in the paper.
        adadelta_rate: The learning rate of TOIM's recipe, 0.001 in the paper, which starts from ImageNet's weights.
        weights: What every training starts from, "imagenet" in the papers; or none, or a file.
        persons: The people who are trained on, the first so many by their numbers; 0 for all.
        test_persons: The people who are searched for, the first so many by their numbers; 0 for all. Pictures of others
            are then left out of the gallery too, which makes the search easier.

    Raises:
        ValueError: A number of people is below 0.
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
    persons: int = 0
    test_persons: int = 0

    def __post_init__(self) -> None:
        if min(self.persons, self.test_persons) < 0:
            raise ValueError(
                f"scale.persons {self.persons} and scale.test_persons {self.test_persons}, expected 0 or more"
            )


@dataclass(frozen=True)
class SplitSize:
    """What decides how many steps an epoch has; the defaults are Market-1501's.

    Args:
        crops: The number of crops in the split "train".
        persons: The number of people in it.
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
class CropRecipe:
    """One training; rows of several tables may share it.

    Args:
        network: The structure of the network.
        losses: The losses that are minimized.
        training: The recipe of the training.
        augmentation: How far training crops depart from the recorded ones.
        weights: What the network starts from: "none", "imagenet" or a file; not looked at where there is a `start`.
        start: Another training, whose model this one starts from.
    """

    network: SphereReIDConfig
    losses: LossConfig
    training: CropTrainingConfig
    augmentation: CropAugmentation = field(default_factory=CropAugmentation)
    weights: str = "imagenet"
    start: "CropRecipe | None" = None

    def key(self) -> str:
        """The name of the training's folder, see `recipe_key`."""
        return recipe_key(self)

    def with_seed(self, seed: int) -> "CropRecipe":
        """The same with another seed, in the training it starts from too."""
        start = None if self.start is None else self.start.with_seed(seed)
        return dataclasses.replace(self, training=dataclasses.replace(self.training, seed=seed), start=start)

    def starts(self) -> list["CropRecipe"]:
        """The trainings that have to be done before, in their order."""
        return [] if self.start is None else [*self.start.starts(), self.start]


def recipe_key(recipe: object) -> str:
    """12 hexadecimal digits of all that decides a trained model.

    Only what departs from its default counts, and by the name that it had when it came into being, so that finished
    trainings stay valid when a setting is added or renamed.

    Args:
        recipe: A frozen dataclass of settings, such as `CropRecipe`.
    """
    settings = _by_first_names(departures(recipe))
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def _by_first_names(settings: object, prefix: str = "") -> object:
    if isinstance(settings, dict):
        # The settings of a training that another one starts from stand by the same names.
        return {
            name: _by_first_names(value, "" if name == "start" else f"{prefix}{name}.")
            for name, value in settings.items()
        }
    firsts = {(name, new): old for (name, old), new in RENAMED_VALUES.items()}
    return firsts.get((prefix.removesuffix("."), settings), settings) if isinstance(settings, str) else settings


@dataclass(frozen=True)
class CropRow:
    """One line of a table.

    Args:
        label: The name that the paper gives it.
        recipe: What is trained for it.
        published: The percentages that the paper prints, by data set and figure; empty where it prints none.
        view: Whether the whole test crops are embedded or their center.
        rerank: Whether k-reciprocal re-ranking follows.
    """

    label: str
    recipe: CropRecipe
    published: Mapping[str, Mapping[Figure, float]] = field(default_factory=dict)
    view: Literal["whole", "center"] = "whole"
    rerank: bool = False


@dataclass(frozen=True)
class PaperTable:
    """A table or figure of a paper.

    Args:
        key: The name by which the command line calls it.
        title: What it compares.
        source: The paper and the number of the table.
        rows: Its lines.
        claims: What the paper's text asserts, as pairs of labels: the better one and the worse one.
        decided_by: The figure that decides the claims.
    """

    key: str
    title: str
    source: str
    rows: tuple[CropRow, ...]
    claims: tuple[tuple[str, str], ...] = ()
    decided_by: Figure = "rank1"
