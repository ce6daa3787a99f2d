"""Running the rows of tables: each distinct training once, resumed where it was cut short, measured and read back.

One runner serves the crop models (`tools.bench.crop_runs`) and the joint models (`tools.bench.joint_runs`): a `Kind`
says how one training begins and what its figures are.
"""

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from reid.losses.settings import LOSSES
from reid.runs.files import RESUME_FILE, mean_of_end
from reid.runs.run import TrainingRun
from reid.runs.shared_work import require_same_data, work_through, write_figures

OnProgress = Callable[[int, int, str], None]
"""Called with the steps done, the steps in all, and what is done."""
TRAINING_FILE = "training.json"


class Recipe(Protocol):
    """One training, as the runner needs to know it."""

    def key(self) -> str:
        """The name of its folder, which changes with everything that decides the trained model."""

    def with_seed(self, seed: int) -> Self:
        """The same training with another seed."""

    def starts(self) -> list[Self]:
        """The trainings that have to be done before, in their order."""


AnyRecipe = TypeVar("AnyRecipe", bound=Recipe)


class Row(Protocol):
    """A line of a table, as the runner needs to know it."""

    @property
    def label(self) -> str:
        """What it is called."""

    @property
    def recipe(self) -> Any:
        """What is trained for it."""


AnyRow = TypeVar("AnyRow", bound=Row)
Figures = TypeVar("Figures")
RecipeIn = TypeVar("RecipeIn", bound=Recipe, contravariant=True)
RowIn = TypeVar("RowIn", bound=Row, contravariant=True)
FiguresOut = TypeVar("FiguresOut", covariant=True)


class Kind(Protocol[RecipeIn, RowIn, FiguresOut]):
    """What differs between tables of crop models and of joint models."""

    def digests(self) -> dict[str, str]:
        """What tells the data apart, by the name of each part: a folder is for the same data only."""

    def steps(self, recipe: RecipeIn) -> int:
        """The steps of a training, without those that it starts from."""

    def begin(self, recipe: RecipeIn, directory: Path, *, start: Path | None, resume: bool) -> TrainingRun[Any, Any]:
        """The training, at its first step.

        Args:
            recipe: What is trained.
            directory: The folder of the training.
            start: The folder of the training that it starts from.
            resume: Whether its folder has a resume point, which the runner goes back to.
        """

    def measure(self, directory: Path, rows: Sequence[RowIn]) -> None:
        """Write the figures of a trained model for some lines, as far as they are not there yet."""

    def figures(self, directory: Path, row: RowIn) -> FiguresOut | None:
        """The figures of a line that were written, in percent; None where they are not there yet."""

    def not_converged(self) -> FiguresOut:
        """The figures of a training that did not converge: NaN."""


@dataclass(frozen=True)
class SeedResult(Generic[Figures]):
    """What one training of a line came to.

    Args:
        figures: Its figures in percent; NaN where it did not converge.
        seconds: How long it took, without the trainings it starts from; NaN where it did not converge.
        loss: The mean loss over the last tenth of its steps; NaN where that is not known.
    """

    figures: Figures
    seconds: float
    loss: float


@dataclass(frozen=True)
class RowResult(Generic[Figures]):
    """What a line of a table came to.

    Args:
        label: What the line is called.
        by_seed: The result of each seed that is done.
        steps: The steps of one training, with those that it starts from.
        directory: The folder of the training with the first seed.
    """

    label: str
    by_seed: dict[int, SeedResult[Figures]]
    steps: int
    directory: Path

    @property
    def seconds(self) -> list[float]:
        """How long each training took."""
        return [one.seconds for one in self.by_seed.values()]


Results = list[list[RowResult[Figures]]]
"""For each table a result for each of its lines."""


class TableRun(Generic[AnyRecipe, AnyRow, Figures]):
    """Trainings and figures in one folder; whatever is finished there is not done again.

    Several processes may work in one folder, each on a training of its own (one for each GPU, say).

    Args:
        kind: How trainings begin and are measured.
        output: The folder; trainings lie in trainings/.
        seeds: The seeds; every training is done with each.

    Attributes:
        diverged: The keys of the trainings that did not converge, and why.

    Raises:
        ValueError: No seed is given.
    """

    def __init__(self, kind: Kind[AnyRecipe, AnyRow, Figures], output: Path, *, seeds: Sequence[int]) -> None:
        if not seeds:
            raise ValueError("no seed is given, expected one or more")
        self.kind = kind
        self.output = output
        self.seeds = seeds
        self.diverged: dict[str, str] = {}

    def directory(self, recipe: AnyRecipe) -> Path:
        """Where a training lies."""
        return self.output / "trainings" / recipe.key()

    def run(
        self,
        tables: Sequence[Sequence[AnyRow]],
        on_progress: OnProgress | None = None,
        on_results: Callable[[Results[Figures]], None] | None = None,
    ) -> Results[Figures]:
        """Train and measure the lines of some tables; lines of one recipe share their training.

        Args:
            tables: The lines of each table.
            on_progress: Called with the steps done, the steps in all, and what is done.
            on_results: Called after each training with the results so far.

        Raises:
            ValueError: The folder is of other data, or has a finished training of this name with other settings.
            TrainingInterrupted: A signal came; the training that ran keeps its last step, and a call goes on there.
        """
        require_same_data(self.output, self.kind.digests())
        pending: dict[str, AnyRecipe] = {}
        rows: dict[str, list[AnyRow]] = {}
        for seed, row in ((seed, row) for seed in self.seeds for table in tables for row in table):
            last = row.recipe.with_seed(seed)
            rows.setdefault(last.key(), []).append(row)
            pending |= {recipe.key(): recipe for recipe in (*last.starts(), last)}
        counter = _Counter(on_progress, {key: self.kind.steps(recipe) for key, recipe in pending.items()})

        def do(key: str, recipe: AnyRecipe) -> None:
            mine = rows.get(key, [])
            self._train(recipe, counter.of(key, mine[0].label if mine else "a model to begin on"))
            self.kind.measure(self.directory(recipe), mine)
            if on_results is not None:
                on_results(self.results(tables))

        self.diverged = work_through(
            pending,
            directory=self.directory,
            do=do,
            first=lambda recipe: recipe.starts()[-1].key() if recipe.starts() else None,
        )
        return self.results(tables)

    def results(self, tables: Sequence[Sequence[AnyRow]]) -> Results[Figures]:
        """What the folder has of some tables at this moment.

        Args:
            tables: The lines of each table.
        """
        return [[self._result(row) for row in table] for table in tables]

    def _train(self, recipe: AnyRecipe, report: Callable[[int], None]) -> None:
        directory = self.directory(recipe)
        done = directory / TRAINING_FILE
        settings = _settings(recipe)
        if done.is_file():
            _require_same_recipe(directory, settings, _read_json(done).get("recipe", {}))
            return
        resume = (directory / RESUME_FILE).is_file()
        starts = recipe.starts()
        start = self.directory(starts[-1]) if starts else None
        run = self.kind.begin(recipe, directory, start=start, resume=resume)
        if resume:
            run.resume()
        summary = run.run(lambda step, _total, _figures: report(step))
        loss = mean_of_end(directory, "loss")
        write_figures(done, {"seconds": summary.seconds, "loss": loss, "recipe": settings})

    def _result(self, row: AnyRow) -> RowResult[Figures]:
        by_seed = {}
        for seed in self.seeds:
            recipe = row.recipe.with_seed(seed)
            if recipe.key() in self.diverged:
                by_seed[seed] = SeedResult(self.kind.not_converged(), math.nan, math.nan)
                continue
            directory = self.directory(recipe)
            figures = self.kind.figures(directory, row)
            if figures is not None and (directory / TRAINING_FILE).is_file():
                done = _read_json(directory / TRAINING_FILE)
                by_seed[seed] = SeedResult(figures, float(done["seconds"]), float(done.get("loss", math.nan)))
        first = row.recipe.with_seed(self.seeds[0])
        steps = sum(self.kind.steps(recipe) for recipe in (*first.starts(), first))
        return RowResult(row.label, by_seed, steps, self.directory(first))


class _Counter:
    """Steps of all trainings together, so that the time left is that of the whole."""

    def __init__(self, report: OnProgress | None, steps: dict[str, int]) -> None:
        self._report = report
        self._steps = steps
        self._done = 0

    def of(self, key: str, what: str) -> Callable[[int], None]:
        """What a training reports its steps to; all of it counts as done when the next one begins."""
        begun = self._done
        self._done += self._steps[key]

        def at(step: int) -> None:
            if self._report is not None:
                self._report(begun + step, sum(self._steps.values()), what)

        return at


def _settings(recipe: object) -> dict[str, dict[str, Any]]:
    """The settings of each part of a recipe, as JSON has them; without those of losses that are off."""
    assert dataclasses.is_dataclass(recipe)
    parts = {entry.name: getattr(recipe, entry.name) for entry in dataclasses.fields(recipe) if entry.name != "start"}
    settings: dict[str, dict[str, Any]] = {
        name: json.loads(json.dumps(dataclasses.asdict(part)))
        for name, part in parts.items()
        if dataclasses.is_dataclass(part) and not isinstance(part, type)
    }
    off = tuple(f"{name}_" for name in LOSSES if not settings["losses"][name])
    settings["losses"] = {name: value for name, value in settings["losses"].items() if not name.startswith(off)}
    return settings


def _require_same_recipe(directory: Path, asked: dict[str, dict[str, Any]], has: dict[str, dict[str, Any]]) -> None:
    """A finished training must be the one that is asked for, whatever the defaults were when it was made."""
    for part, values in has.items():
        for name, value in values.items():
            own = asked[part].get(name, value)
            if own != value:
                raise ValueError(
                    f"{directory} was trained with {part}.{name} = {value}, this call has {own}; choose another "
                    "--output, or delete that folder"
                )


def _read_json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))
