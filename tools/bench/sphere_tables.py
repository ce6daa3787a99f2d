"""Tables 1 to 5 of the SphereReID paper."""

from typing import Literal

from reid.crops.settings import CropTrainingConfig, SphereReIDConfig
from reid.losses.settings import LossConfig
from tools.bench.recipes import PAPER_EPOCHS, CropRecipe, CropRow, Figure, PaperTable, Scale, SplitSize

SOURCE = "SphereReID"
DATASETS = ("market1501", "dukemtmc", "cuhk03", "cuhk-sysu")
Network = Literal["A", "B", "C", "D"]

BATCH = 64


def sphere_tables(scale: Scale, size: SplitSize = SplitSize()) -> list[PaperTable]:  # noqa: B008 - frozen
    """Tables 1 to 5 of the SphereReID paper, in which one part of the method changes at a time.

    The trainings here have a bias in the last layer, except in Table 4's row without one. The paper probably made
    Tables 1 to 3 without it: Table 4's row without bias prints the figures of Table 3's row for a dropout of 0.25. The
    paper does not print the dropout of Table 1; here it is 0.25 wherever a table does not vary it.
    """
    final = sphere_recipe(scale)
    return [_networks(scale), _sampling(scale, size), _dropout(scale), _bias(scale), _test_size(final)]


def sphere_recipe(
    scale: Scale, *, network: Network = "D", loss: Literal["sphere", "softmax"] = "sphere", dropout: float = 0.25,
    bias: bool = True, images: int = 4, warmup: bool = True, size: SplitSize = SplitSize(),  # noqa: B008
) -> CropRecipe:  # fmt: skip
    """A training of the paper, with warm-up and milestones in proportion to the scale's epochs.

    Args:
        scale: How large the training is.
        network: The structure, A to D.
        loss: The Sphere loss, or softmax of the un-normalized embedding.
        dropout: The share of dropout in network D.
        bias: Whether the fully connected layer has a bias.
        images: The pictures of each person in a batch of 64, 4 in the paper; 0 for 64 pictures of whomever. The number
            of steps stays the same.
        warmup: Whether the learning rate rises over a seventh of the training, or starts at its full height.
        size: The size of the training split, which decides how many epochs are as many steps.
    """
    structure = SphereReIDConfig(
        network=network,
        backbone=scale.backbone,
        dropout=dropout,
        bias=bias,
        last_stride=scale.last_stride,
        height=scale.height,
        width=scale.width,
        resize_height=scale.height * 9 // 8,
        resize_width=scale.width * 9 // 8,
    )
    persons = BATCH // max(1, images)
    steps = size.drawn_steps(persons) if images else size.shuffled_steps(BATCH)
    epochs = max(1, round(scale.epochs * size.drawn_steps(16) / steps))
    factor = epochs / PAPER_EPOCHS
    training = CropTrainingConfig(
        epochs=epochs,
        sampler="balanced" if images else "shuffled",
        persons=persons if images else 16,
        images=images or 4,
        warmup_epochs=round(20 * factor, 3) if warmup else 0,
        milestones=(round(80 * factor, 3), round(100 * factor, 3)),
    )
    losses = LossConfig(sphere=1.0) if loss == "sphere" else LossConfig(sphere=0.0, softmax=1.0)
    return CropRecipe(structure, losses, training, weights=scale.weights)


def _published(*rank1: float) -> dict[str, dict[Figure, float]]:
    return {name: {"rank1": value} for name, value in zip(DATASETS, rank1, strict=True)}


def _networks(scale: Scale) -> PaperTable:
    printed: dict[Network, tuple[tuple[float, ...], tuple[float, ...]]] = {
        "A": ((59.5, 49.1, 67.3, 77.4), (57.9, 46.1, 62.3, 78.1)),
        "B": ((86.4, 75.5, 86.8, 90.6), (65.6, 53.9, 63.7, 83.1)),
        "C": ((92.3, 81.6, 91.5, 94.1), (72.7, 59.0, 62.2, 83.1)),
        "D": ((93.1, 81.9, 92.8, 94.3), (77.3, 61.9, 66.6, 86.2)),
    }
    rows, claims = [], []
    for network, (sphere, softmax) in printed.items():
        rows.append(CropRow(f"{network}, Sphere", sphere_recipe(scale, network=network), _published(*sphere)))
        recipe = sphere_recipe(scale, network=network, loss="softmax")
        rows.append(CropRow(f"{network}, softmax", recipe, _published(*softmax)))
        claims.append((f"{network}, Sphere", f"{network}, softmax"))
    claims += [("D, Sphere", "C, Sphere"), ("C, Sphere", "B, Sphere"), ("B, Sphere", "A, Sphere")]
    return PaperTable("sphere-1", "Network structures and losses", f"{SOURCE}, Table 1", tuple(rows), tuple(claims))


def _sampling(scale: Scale, size: SplitSize) -> PaperTable:
    """The paper's three rows, and two that tell being balanced from having few persons in a batch."""
    full, shuffled, cold = "balanced, warm-up", "imbalanced, warm-up", "balanced, no warm-up"
    rows = (
        CropRow(full, sphere_recipe(scale), _published(93.1, 81.9, 92.8, 94.3)),
        CropRow(shuffled, sphere_recipe(scale, images=0, size=size), _published(79.3, 56.5, 79.2, 89.9)),
        CropRow(cold, sphere_recipe(scale, warmup=False), _published(77.1, 64.4, 80.6, 88.9)),
        CropRow("balanced, 32 persons x 2", sphere_recipe(scale, images=2, size=size)),
        CropRow("balanced, 64 persons x 1", sphere_recipe(scale, images=1, size=size)),
    )
    title = "Balanced sampling and warm-up, at as many steps to half an epoch"
    return PaperTable("sphere-2", title, f"{SOURCE}, Table 2", rows, ((full, shuffled), (full, cold)))


def _dropout(scale: Scale) -> PaperTable:
    printed = {
        0.0: (93.1, 82.2, 92.5, 94.6),
        0.25: (92.8, 83.5, 93.2, 94.8),
        0.5: (93.1, 81.9, 92.8, 94.3),
        0.75: (91.3, 80.5, 91.5, 93.5),
    }
    rows = tuple(
        CropRow(f"{ratio}", sphere_recipe(scale, dropout=ratio), _published(*values))
        for ratio, values in printed.items()
    )
    return PaperTable("sphere-3", "Share of dropout", f"{SOURCE}, Table 3", rows, (("0.25", "0.75"),))


def _bias(scale: Scale) -> PaperTable:
    rows = (
        CropRow("with bias", sphere_recipe(scale), _published(93.7, 83.9, 92.6, 94.9)),
        CropRow("without bias", sphere_recipe(scale, bias=False), _published(92.8, 83.5, 93.2, 94.8)),
    )
    title = "Bias of the fully connected layer"
    return PaperTable("sphere-4", title, f"{SOURCE}, Table 4", rows, (("with bias", "without bias"),))


def _test_size(recipe: CropRecipe) -> PaperTable:
    network = recipe.network
    whole, center = f"{network.resize_height}x{network.resize_width}", f"{network.height}x{network.width}"
    rows = (
        CropRow(f"center {center}", recipe, _published(93.7, 83.9, 92.6, 94.9), view="center"),
        CropRow(f"whole {whole}", recipe, _published(94.4, 82.7, 93.1, 95.4)),
    )
    claims = ((f"whole {whole}", f"center {center}"),)
    return PaperTable("sphere-5", "Size of the test crops", f"{SOURCE}, Table 5", rows, claims)
