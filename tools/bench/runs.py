"""Running the rows of the papers' tables: each distinct training once, resumed where a run was cut short."""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets.samples import CropSample
from reid.crops.sphere_reid import SphereReID
from reid.crops.splits import CropEmbeddings, embed_crops
from reid.crops.start import resumed_crop_model, start_crop_model
from reid.crops.training import CropTrainingTask, described
from reid.ranking.protocols import CUHK03, MARKET, CropTask
from reid.ranking.rerank import k_reciprocal
from reid.runs.files import RESUME_FILE, digest_of, mean_of_end, read_criterion
from reid.runs.run import TrainingRun
from reid.runs.shared_work import require_same_data, work_through, write_figures
from tools.bench.recipes import FIGURES, Figure, PaperTable, Recipe, Row

Figures = dict[Figure, float]
OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Benchmark:
    """Where a trained model is measured.

    Args:
        name: of the data set.
        query: its split "query".
        gallery: its split "gallery".
    """

    name: str
    query: Sequence[CropSample]
    gallery: Sequence[CropSample]


@dataclass(frozen=True)
class RowResult:
    """What a row came to.

    Args:
        label: of the row.
        figures: test set -> one dict of figures, in percent, for each seed; NaN where the training did not converge.
        seconds: of the training, for each seed; without that of the training it starts from.
        loss: of the last tenth of the steps, mean, for each seed.
        directory: of the training with the first seed.
    """

    label: str
    figures: Mapping[str, Sequence[Figures]]
    seconds: Sequence[float]
    loss: Sequence[float]
    directory: Path


class TableRun:
    """Trainings and figures in one folder; whatever is finished there is not done again.

    Several processes may work in one folder, each on a training of its own (one for each GPU, say).

    Args:
        output: the folder; trainings lie in trainings/.
        train: the split "train".
        tests: the first is of the training's data set, others are for crossing data sets.
        seeds: every training is done with each.
    """

    def __init__(
        self, output: Path, train: Sequence[CropSample], tests: Sequence[Benchmark], *, seeds: Sequence[int]
    ) -> None:
        if not seeds:
            raise ValueError("no seed is given, expected one or more")
        self.output = output
        self.train = train
        self.tests = tests
        self.seeds = seeds
        self.diverged: dict[str, str] = {}

    def run(self, tables: Sequence[PaperTable], on_progress: OnProgress | None = None) -> list[list[RowResult]]:
        """Train and measure the rows of some tables.

        Args:
            tables: what to run; rows of equal recipes share their training.
            on_progress: called with (steps done, steps in all, what is done).

        Returns:
            For each table a result for each row. `diverged` has what did not converge: key of a training -> why.
        """
        require_same_data(self.output, self._digests())
        rows: dict[str, list[Row]] = {}
        pending: dict[str, Recipe] = {}
        for seed, row in ((seed, row) for seed in self.seeds for table in tables for row in table.rows):
            last = row.recipe.with_seed(seed)
            rows.setdefault(last.key(), []).append(row)
            pending |= {recipe.key(): recipe for recipe in _with_starts(last)}
        counter = _Counter(on_progress, sum(self._trainer_steps(recipe) for recipe in pending.values()))

        def do(key: str, recipe: Recipe) -> None:
            self._train(recipe, counter)
            for row in rows.get(key, ()):
                self._all_figures(row, recipe)

        self.diverged = work_through(
            pending,
            directory=self.directory,
            do=do,
            first=lambda recipe: None if recipe.start is None else recipe.start.key(),
        )
        return [[self._measure(row) for row in table.rows] for table in tables]

    def _digests(self) -> dict[str, str]:
        """What tells the data apart: the training split, and each test set by its name."""
        splits = {"train": [self.train]} | {test.name: [test.query, test.gallery] for test in self.tests}
        return {
            name: digest_of([described(sample) for part in parts for sample in part]) for name, parts in splits.items()
        }

    def directory(self, recipe: Recipe) -> Path:
        """Where a training lies."""
        return self.output / "trainings" / recipe.key()

    def _trainer_steps(self, recipe: Recipe) -> int:
        persons = len({sample.person_id for sample in self.train})
        config = recipe.training
        if config.sampler == "balanced":
            return config.epochs * -(-persons // min(config.persons, persons))
        return config.epochs * -(-len(self.train) // (config.persons * config.images))

    def _train(self, recipe: Recipe, counter: "_Counter") -> None:
        directory = self.directory(recipe)
        steps = self._trainer_steps(recipe)
        done = directory / "training.json"
        if done.is_file():
            counter.add(steps, "done before")
            return
        resume = (directory / RESUME_FILE).is_file()
        if resume:
            model = resumed_crop_model(directory, recipe.network)
        else:
            weights = recipe.weights if recipe.start is None else str(self.directory(recipe.start))
            model = start_crop_model(weights, recipe.network, seed=recipe.training.seed)
        task = CropTrainingTask(
            model,
            self.train,
            config=recipe.training,
            losses=recipe.losses,
            augmentation=recipe.augmentation,
            notes={"recipe": dataclasses.asdict(recipe)},
        )
        run = TrainingRun(task, directory)
        if resume:
            run.resume()
        elif recipe.start is not None:
            task.criterion.continue_from(read_criterion(self.directory(recipe.start)))
        name = " + ".join(name.removeprefix("loss_") for name in task.criterion.names[1:])
        begun = counter.done

        def report(step: int, total: int, figures: dict[str, float]) -> None:
            counter.at(begun + step, f"network {recipe.network.network}, {name}")

        summary = run.run(report)
        write_figures(done, {"seconds": summary.seconds, "loss": mean_of_end(directory, "loss")})

    def _measure(self, row: Row) -> RowResult:
        recipes = [row.recipe.with_seed(seed) for seed in self.seeds]
        each: list[dict[str, Figures]] = []
        done: list[dict[str, float]] = []
        for recipe in recipes:
            if recipe.key() in self.diverged:
                each.append({test.name: dict.fromkeys(FIGURES, math.nan) for test in self.tests})
                done.append({"seconds": math.nan, "loss": math.nan})
                continue
            each.append(self._all_figures(row, recipe))
            done.append(json.loads((self.directory(recipe) / "training.json").read_text(encoding="utf-8")))
        figures = {test.name: [one[test.name] for one in each] for test in self.tests}
        return RowResult(
            row.label,
            figures,
            [entry["seconds"] for entry in done],
            [entry["loss"] for entry in done],
            self.directory(recipes[0]),
        )

    def _all_figures(self, row: Row, recipe: Recipe) -> dict[str, Figures]:
        return {test.name: self._figures(row, recipe, test) for test in self.tests}

    def _figures(self, row: Row, recipe: Recipe, test: Benchmark) -> Figures:
        suffix = f"{test.name}-{row.view}{'-rerank' if row.rerank else ''}"
        path = self.directory(recipe) / f"figures-{suffix}.json"
        if path.is_file():
            stored: Figures = json.loads(path.read_text(encoding="utf-8"))
            return stored
        model = SphereReID.from_checkpoint(self.directory(recipe))
        if row.view != model.config.test_view:
            other = SphereReID(dataclasses.replace(model.config, test_view=row.view)).to(model.device)
            other.load_state_dict(model.state_dict())
            model = other.eval()
        query = embed_crops(model, test.query, mirrored=False)
        gallery = embed_crops(model, test.gallery, mirrored=False)
        figures = crop_figures(query, gallery, rerank=row.rerank)
        write_figures(path, figures)
        return figures


def crop_figures(query: CropEmbeddings, gallery: CropEmbeddings, *, rerank: bool = False) -> Figures:
    """The figures that the papers print, in percent."""
    task = CropTask.of(query.samples, gallery.samples)
    if rerank:
        distances = k_reciprocal(query.embeddings, gallery.embeddings)
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


class _Counter:
    """Steps of all trainings together, so that the time left is that of the whole."""

    def __init__(self, report: OnProgress | None, total: int) -> None:
        self._report = report
        self._total = total
        self.done = 0

    def add(self, steps: int, what: str) -> None:
        """So many steps more are done."""
        self.at(self.done + steps, what)

    def at(self, done: int, what: str) -> None:
        """So many steps in all are done."""
        self.done = done
        if self._report is not None:
            self._report(done, self._total, what)


def _with_starts(recipe: Recipe) -> list[Recipe]:
    """The training and those it starts from, first things first."""
    return [*(() if recipe.start is None else _with_starts(recipe.start)), recipe]
