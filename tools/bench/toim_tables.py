"""Tables 3 to 5 and figure 7 of the TOIM paper, and the two readings of its equation 1."""

import dataclasses
from collections.abc import Callable
from functools import partial

from datasets.augmentation import CropAugmentation
from reid.crops.settings import CropTrainingConfig, SphereReIDConfig
from reid.losses.settings import LossConfig
from tools.bench.recipes import CropRecipe, CropRow, Figure, PaperTable, Scale, SplitSize
from tools.bench.sphere_tables import sphere_recipe

SOURCE = "TOIM"
TOIM = LossConfig(sphere=0.0, toim=1.0, toim_unit_length=False)
"""The paper does not bring features to unit length, and lets empty slots push them away from the origin."""

LABELS = {"softmax": "Softmax", "oim": "OIM", "triplet": "Triplet", "toim": "TOIM"}
MakeRecipe = Callable[..., CropRecipe]
Printed = tuple[tuple[float, float, float], ...]
"""mAP, rank-1 of the CUHK03 protocol and of Market-1501's, for DukeMTMC-reID, Market-1501 and UESTC-PR."""


def toim_tables(scale: Scale, size: SplitSize = SplitSize()) -> list[PaperTable]:  # noqa: B008 - frozen
    """What the paper compares on crops; every training goes on from one softmax training that also fills the tables."""
    make = partial(toim_recipe, scale, size=size)
    return [_losses(make), _tricks(scale), _dimension(make), _gamma(make), _negatives(make), _readings(make)]


def toim_recipe(
    scale: Scale,
    losses: LossConfig = TOIM,
    *,
    dimension: int = 512,
    size: SplitSize = SplitSize(),  # noqa: B008
) -> CropRecipe:
    """A training of the TOIM paper's section V.A: it goes on from a softmax training, by AdaDelta in batches of 15.

    The paper says about the softmax training only that its output fills the Pooled Table. Here that training has
    SphereReID's schedule (Adam, 16 persons x 4 pictures). Every loss then starts from its model and trains for the same
    number of epochs; the softmax loss also keeps the classifier. The paper prints a batch size of 15 and no more. Here
    a batch is 5 persons x 3 pictures, because batch-hard triplets need several pictures of each person.
    """
    network = SphereReIDConfig(
        network="B",
        backbone=scale.backbone,
        dimension=dimension,
        last_stride=scale.last_stride,
        height=scale.height,
        width=scale.width,
        resize_height=scale.height,
        resize_width=scale.width,
    )
    before = LossConfig(sphere=0.0, softmax=1.0)
    start = CropRecipe(network, before, sphere_recipe(scale).training, weights=scale.weights)
    # An epoch of the sampler draws every person once, three pictures each: 2,265 of Market-1501's 12,936 crops.
    epochs = max(1, round(scale.toim_epochs * size.crops / (15 * size.drawn_steps(5))))
    training = CropTrainingConfig(
        epochs=epochs,
        persons=5,
        images=3,
        optimizer="adadelta",
        learning_rate=scale.adadelta_rate,
        warmup_epochs=0,
        milestones=(),
        initialize_tables=losses.toim > 0,
    )
    return CropRecipe(network, losses, training, weights=scale.weights, start=start)


def _published(printed: Printed) -> dict[str, dict[Figure, float]]:
    names: tuple[Figure, ...] = ("mean_ap", "cuhk03_rank1", "rank1")
    return {
        data: dict(zip(names, values, strict=True))
        for data, values in zip(("dukemtmc", "market1501", "uestc-pr"), printed)
    }


def _losses(make: MakeRecipe) -> PaperTable:
    losses = {
        "softmax": LossConfig(sphere=0.0, softmax=1.0),
        "oim": LossConfig(sphere=0.0, oim=1.0),
        "triplet": LossConfig(sphere=0.0, triplet=1.0),
        "toim": TOIM,
    }
    printed: dict[str, Printed] = {
        "softmax": ((40.7, 44.3, 62.5), (62.2, 68.9, 79.5), (49.3, 59.5, 72.0)),
        "oim": ((47.4, 50.4, 68.1), (60.3, 68.1, 77.1), (53.7, 63.9, 71.1)),
        "triplet": ((54.6, 57.5, 73.1), (67.9, 70.5, 81.1), (54.1, 65.8, 70.2)),
        "toim": ((62.4, 64.2, 78.4), (69.2, 74.3, 83.3), (62.3, 71.7, 77.7)),
    }
    rows = tuple(CropRow(LABELS[name], make(losses[name]), _published(values)) for name, values in printed.items())
    claims = (("TOIM", "Triplet"), ("Triplet", "OIM"), ("OIM", "Softmax"))
    return PaperTable("toim-3", "Four losses", f"{SOURCE}, Table 3", rows, claims, decided_by="mean_ap")


def _tricks(scale: Scale) -> PaperTable:
    printed = {
        ("L", False): ((76.4, 86.4), (85.9, 94.5), (67.3, 79.1)),
        ("L_T", False): ((77.6, 87.9), (87.0, 94.4), (69.3, 81.5)),
        ("L", True): ((89.1, 90.3), (94.2, 95.4), (79.5, 84.8)),
        ("L_T", True): ((89.2, 90.6), (94.5, 95.5), (84.0, 87.2)),
    }
    recipes = {"L": tricks_recipe(scale), "L_T": tricks_recipe(scale, toim=True)}
    rows = []
    for (name, rerank), values in printed.items():
        published: dict[str, dict[Figure, float]] = {
            data: {"mean_ap": mean_ap, "rank1": rank1}
            for data, (mean_ap, rank1) in zip(("dukemtmc", "market1501", "uestc-pr"), values)
        }
        rows.append(CropRow(name + (" (RK)" if rerank else ""), recipes[name], published, rerank=rerank))
    claims = (("L_T", "L"), ("L_T (RK)", "L (RK)"))
    title = "Bag of tricks with triplet (L) and with TOIM (L_T)"
    return PaperTable("toim-4", title, f"{SOURCE}, Table 4", tuple(rows), claims, decided_by="mean_ap")


def tricks_recipe(scale: Scale, *, toim: bool = False) -> CropRecipe:
    """Equation 2, or with `toim` equation 3.

    Both go on from a training of equation 2, which fills TOIM's Pooled Table.
    """
    network = SphereReIDConfig(
        network="bnneck", backbone=scale.backbone, last_stride=1, height=scale.height, width=scale.width,
        resize_height=scale.height, resize_width=scale.width,
    )  # fmt: skip
    losses = LossConfig(
        sphere=0.0, softmax=1.0, softmax_deviation=1e-3, label_smoothing=0.1, triplet=1.0, center=5e-4,
        metric_on="features",
    )  # fmt: skip
    epochs = scale.tricks_epochs
    training = CropTrainingConfig(
        epochs=epochs, learning_rate=3.5e-4, weight_decay=5e-4, warmup_epochs=epochs / 12, warmup_start=0.01,
        milestones=(epochs / 3, epochs * 7 / 12),
    )  # fmt: skip
    augmentation = CropAugmentation(pad=10 * scale.height // 256, erase=0.5)
    recipe = CropRecipe(network, losses, training, augmentation, weights=scale.weights)
    if not toim:
        return dataclasses.replace(recipe, start=recipe)
    losses = dataclasses.replace(losses, triplet=0.0, toim=1.0, toim_unit_length=False)
    training = dataclasses.replace(training, initialize_tables=True)
    return CropRecipe(network, losses, training, augmentation, weights=scale.weights, start=recipe)


def _dimension(make: MakeRecipe) -> PaperTable:
    printed: dict[int, Printed] = {
        128: ((62.7, 64.2, 78.8), (68.1, 73.4, 81.7), (59.3, 68.4, 75.4)),
        256: ((63.1, 64.3, 79.7), (69.8, 75.0, 83.5), (60.6, 68.1, 73.9)),
        512: ((62.4, 64.2, 78.4), (69.2, 74.3, 83.3), (61.9, 69.4, 73.0)),
        1024: ((63.9, 65.4, 79.8), (70.3, 75.2, 84.6), (62.3, 71.7, 77.7)),
        2048: ((63.5, 65.1, 79.9), (69.3, 74.7, 83.7), (61.0, 70.3, 78.7)),
    }
    rows = tuple(CropRow(str(d), make(dimension=d), _published(values)) for d, values in printed.items())
    claims = tuple(("1024", str(d)) for d in printed if d != 1024)
    return PaperTable("toim-5", "Dimension of the embedding", f"{SOURCE}, Table 5", rows, claims, decided_by="mean_ap")


def _gamma(make: MakeRecipe) -> PaperTable:
    shares = (0.0, 0.2, 0.4, 0.6, 0.8)
    rows = tuple(CropRow(str(gamma), make(dataclasses.replace(TOIM, toim_gamma=gamma))) for gamma in shares)
    claims = tuple(("0.4", str(gamma)) for gamma in shares if gamma != 0.4)
    title = "Share of a slot's old row that an update keeps (printed as a curve only)"
    return PaperTable("toim-7a", title, f"{SOURCE}, Figure 7a", rows, claims, decided_by="mean_ap")


def _negatives(make: MakeRecipe) -> PaperTable:
    update = "Update Table"
    pooled = "Pooled Table"
    rows = (
        CropRow(update, make()),
        CropRow(pooled, make(dataclasses.replace(TOIM, toim_negatives="pooled"))),
    )
    title = "Where negatives come from (printed as loss curves only)"
    return PaperTable("toim-7c", title, f"{SOURCE}, Figure 7c", rows, ((update, pooled),), decided_by="mean_ap")


def _readings(make: MakeRecipe) -> PaperTable:
    unit = dataclasses.replace(TOIM, toim_unit_length=True)
    variants = {
        "hardest negative alone": TOIM,
        "every negative of the table": dataclasses.replace(TOIM, toim_denominator="table"),
        "hardest, unit length": unit,
        "hardest, unit length, scale 10": dataclasses.replace(unit, toim_scale=10.0),
    }
    rows = tuple(CropRow(label, make(losses)) for label, losses in variants.items())
    title = "Readings of equation 1, and of what the paper leaves open"
    return PaperTable("toim-eq1", title, f"{SOURCE}, equation 1", rows, decided_by="mean_ap")
