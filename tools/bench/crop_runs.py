"""How the crop models of the papers' tables are trained and measured."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.samples import CropSample
from reid.crops.sphere_reid import SphereReID
from reid.crops.splits import CropEmbeddings, embed_crops
from reid.crops.start import resumed_crop_model, start_crop_model
from reid.crops.training import CropTrainingTask, described
from reid.ranking.protocols import CUHK03, MARKET, CropTask
from reid.ranking.rerank import k_reciprocal
from reid.runs.files import digest_of, read_criterion
from reid.runs.run import TrainingRun
from reid.runs.shared_work import write_figures
from tools.bench.recipes import FIGURES, CropRecipe, CropRow, Figure
from tools.bench.runs import RowResult

CropFigures = dict[Figure, float]
CropResult = RowResult[Mapping[str, CropFigures]]
"""What a row came to, by the name of the test set."""


@dataclass(frozen=True)
class TestSet:
    """Where a trained model is measured.

    Args:
        name: The name of the data set.
        query: The crops of its split "query".
        gallery: The crops of its split "gallery".
    """

    __test__ = False  # pytest takes classes of this name for tests

    name: str
    query: Sequence[CropSample]
    gallery: Sequence[CropSample]


def first_persons(samples: Sequence[CropSample], number: int) -> list[CropSample]:
    """The crops of the people with the lowest identities, in the order given.

    Args:
        samples: The crops; those of nobody known (identities below 0) are left out.
        number: How many people; 0 leaves all crops in.

    Example:
        >>> crops = [CropSample(Path(f"{person}.jpg"), person, camera=1) for person in (7, -1, 2, 5)]
        >>> [sample.person_id for sample in first_persons(crops, 2)]
        [2, 5]
    """
    if not number:
        return list(samples)
    known = sorted({sample.person_id for sample in samples if sample.person_id >= 0})
    wanted = {*known[:number]}
    return [sample for sample in samples if sample.person_id in wanted]


class CropTables:
    """Trainings of crop models, for `tools.bench.runs.TableRun`.

    Args:
        train: The crops of the split "train".
        tests: Where models are measured. The first is of the training's data set, others are for crossing data sets.
    """

    def __init__(self, train: Sequence[CropSample], tests: Sequence[TestSet]) -> None:
        self.train = train
        self.tests = tests

    def digests(self) -> dict[str, str]:
        """What tells the data apart: the training split, and each test set by its name."""
        splits = {"train": [self.train]} | {test.name: [test.query, test.gallery] for test in self.tests}
        return {
            name: digest_of([described(sample) for part in parts for sample in part]) for name, parts in splits.items()
        }

    def steps(self, recipe: CropRecipe) -> int:
        """The steps of a training: epochs of drawing every person once, or of all crops."""
        persons = len({sample.person_id for sample in self.train})
        config = recipe.training
        if config.sampler == "balanced":
            return config.epochs * -(-persons // min(config.persons, persons))
        return config.epochs * -(-len(self.train) // (config.persons * config.images))

    def begin(self, recipe: CropRecipe, directory: Path, *, start: Path | None, resume: bool) -> TrainingRun[Any, Any]:
        """The training; a new one that starts from another takes its classifiers and tables too."""
        if resume:
            model = resumed_crop_model(directory, recipe.network)
        else:
            weights = recipe.weights if start is None else str(start)
            model = start_crop_model(weights, recipe.network, seed=recipe.training.seed)
        task = CropTrainingTask(
            model,
            self.train,
            config=recipe.training,
            losses=recipe.losses,
            augmentation=recipe.augmentation,
            notes={"recipe": dataclasses.asdict(recipe)},
        )
        if start is not None and not resume:
            task.criterion.continue_from(read_criterion(start))
        return TrainingRun(task, directory)

    def measure(self, directory: Path, rows: Sequence[CropRow]) -> None:
        """Write the figures of a trained model for some rows, on every test set."""
        for row in rows:
            for test in self.tests:
                path = _figures_file(directory, row, test)
                if not path.is_file():
                    write_figures(path, self._figures(directory, row, test))

    def figures(self, directory: Path, row: CropRow) -> Mapping[str, CropFigures] | None:
        """The figures of a row by the name of the test set; None where one is not measured yet."""
        files = {test.name: _figures_file(directory, row, test) for test in self.tests}
        if not all(file.is_file() for file in files.values()):
            return None
        return {name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items()}

    def not_converged(self) -> Mapping[str, CropFigures]:
        """NaN for every figure of every test set."""
        return {test.name: dict.fromkeys(FIGURES, math.nan) for test in self.tests}

    def _figures(self, directory: Path, row: CropRow, test: TestSet) -> CropFigures:
        model = SphereReID.from_checkpoint(directory)
        if row.view != model.config.test_view:
            other = SphereReID(dataclasses.replace(model.config, test_view=row.view)).to(model.device)
            other.load_state_dict(model.state_dict())
            model = other.eval()
        query = embed_crops(model, test.query, mirrored=False)
        gallery = embed_crops(model, test.gallery, mirrored=False)
        return crop_figures(query, gallery, rerank=row.rerank)


def crop_figures(query: CropEmbeddings, gallery: CropEmbeddings, *, rerank: bool = False) -> CropFigures:
    """The figures that the papers print, in percent.

    Args:
        query: The crops that are asked for.
        gallery: The crops that are ranked.
        rerank: Whether k-reciprocal re-ranking comes before.
    """
    task = CropTask.of(query.samples, gallery.samples)
    if rerank:
        distances = k_reciprocal(query.embeddings, gallery.embeddings)  # [Q, G]
        market, cuhk03 = (task.rank_distances(distances, protocol).metrics for protocol in (MARKET, CUHK03))
    else:
        market, cuhk03 = (
            task.rank(query.embeddings, gallery.embeddings, protocol).metrics for protocol in (MARKET, CUHK03)
        )
    return {
        "rank1": 100 * float(market.cmc[0]),
        "mean_ap": 100 * market.mean_ap,
        "cuhk03_rank1": 100 * float(cuhk03.cmc[0]),
    }


def _figures_file(directory: Path, row: CropRow, test: TestSet) -> Path:
    return directory / f"figures-{test.name}-{row.view}{'-rerank' if row.rerank else ''}.json"
