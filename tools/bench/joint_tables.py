"""Tables of joint models, trained at equal budget and measured over seeds."""

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from datasets.samples import FrameSample, Query
from detection.checkpoints import load_model
from detection.metrics import recall_and_ap
from detection.start import resumed_model, start_model
from detection.training import JointTrainingTask, described
from reid.losses.settings import LOSSES
from reid.runs.files import RESUME_FILE, digest_of
from reid.runs.run import TrainingRun
from reid.runs.shared_work import require_same_data, work_through, write_figures
from search.evaluation.splits import detect_split, embed_queries
from search.evaluation.stages import CONTEXT, PLAIN, RERANKED, WEIGHTED, compare_stages
from search.query.context import ContextSize
from search.query.fusion import Ranking
from tools.bench.joint_recipes import JointRecipe, JointRow, JointTable

JointFigure = Literal["detection_ap", "mean_ap", "top1"]
JOINT_FIGURES: dict[JointFigure, str] = {
    "detection_ap": "AP@0.5",
    "mean_ap": "mAP",
    "top1": "top-1",
}
JointFigures = dict[JointFigure, float]
OnProgress = Callable[[int, int, str], None]
_PARTS = ("detector", "embedding", "losses", "training", "augmentation")


@dataclass(frozen=True)
class JointRowResult:
    """What a line came to.

    Args:
        label: of the line.
        figures: one dict for each seed, in percent; NaN where the training did not converge.
        seconds: of the training, for each seed; likewise.
        directory: of the training with the first seed.
    """

    label: str
    figures: Sequence[JointFigures]
    seconds: Sequence[float]
    directory: Path


class JointTableRun:
    """Trainings and figures in one folder; whatever is finished there is not done again.

    Several processes may work in one folder, each on a training of its own (one for each GPU, say).

    Args:
        output: the folder; trainings lie in trainings/.
        train: the split "train".
        gallery: the split "gallery".
        queries: of the gallery.
        seeds: every training is done with each.
    """

    def __init__(
        self,
        output: Path,
        train: Sequence[FrameSample],
        gallery: Sequence[FrameSample],
        queries: Sequence[Query],
        *,
        seeds: Sequence[int],
    ) -> None:
        if not seeds:
            raise ValueError("no seed is given, expected one or more")
        self.output = output
        self.train = train
        self.gallery = gallery
        self.queries = queries
        self.seeds = seeds
        self.diverged: dict[str, str] = {}

    def run(self, tables: Sequence[JointTable], on_progress: OnProgress | None = None) -> list[list[JointRowResult]]:
        """Train and measure the lines of some tables; lines of one recipe share their training.

        Args:
            tables: what to run.
            on_progress: called with (steps done, steps in all, what is done).

        Returns:
            For each table a result for each line. `diverged` has what did not converge: key of a training -> why.
        """
        require_same_data(self.output, self._digests())
        lines: dict[str, tuple[JointRecipe, list[JointRow]]] = {}
        for seed in self.seeds:
            for row in (row for table in tables for row in table.rows):
                one = row.recipe.with_seed(seed)
                lines.setdefault(one.key(), (one, []))[1].append(row)
        starts: dict[str, tuple[JointRecipe, list[JointRow]]] = {
            start.key(): (start, []) for one, _ in lines.values() for start in one.starts()
        }
        pending = starts | lines
        steps = {key: self._steps(one) for key, (one, _) in pending.items()}
        done: list[str] = []

        def do(key: str, item: tuple[JointRecipe, list[JointRow]]) -> None:
            recipe, rows = item
            begun = sum(steps[one] for one in done)

            def report(step: int) -> None:
                if on_progress is not None:
                    on_progress(begun + step, sum(steps.values()), rows[0].label if rows else "a detector to begin on")

            self._train(recipe, report)
            self._measure(self.directory(recipe), [row.stage for row in rows])
            done.append(key)
            report(steps[key])

        self.diverged = work_through(
            pending,
            directory=lambda item: self.directory(item[0]),
            do=do,
            first=lambda item: None if item[0].start is None else item[0].start.key(),
        )
        return [[self._result(row) for row in table.rows] for table in tables]

    def _steps(self, recipe: JointRecipe) -> int:
        return recipe.training.epochs * -(-len(self.train) // recipe.training.batch_size)

    def _digests(self) -> dict[str, str]:
        splits = {"train": self.train, "gallery": self.gallery}
        digests = {name: digest_of([described(sample) for sample in part]) for name, part in splits.items()}
        asked = [f"{query.frame} {query.crop} {query.person_id} {query.camera}\n".encode() for query in self.queries]
        return digests | {"queries": digest_of(asked)}

    def directory(self, recipe: JointRecipe) -> Path:
        """Where a training lies."""
        return self.output / "trainings" / recipe.key()

    def _train(self, recipe: JointRecipe, report: Callable[[int], None]) -> None:
        directory = self.directory(recipe)
        done = directory / "training.json"
        settings = _settings(recipe)
        if done.is_file():
            _require_same_recipe(directory, settings, _read_json(done).get("recipe", {}))
            return
        resume = (directory / RESUME_FILE).is_file()
        new_head = recipe.start is not None and recipe.new_head
        weights = recipe.weights if recipe.start is None else str(self.directory(recipe.start))
        if resume:
            model = resumed_model(directory, weights, recipe.detector, recipe.embedding, new_head=new_head)
        else:
            seed = recipe.training.seed
            model = start_model(weights, recipe.detector, recipe.embedding, seed=seed, new_head=new_head)
        task = JointTrainingTask(
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
        summary = run.run(lambda step, _total, _figures: report(step))
        write_figures(done, {"seconds": summary.seconds, "recipe": settings})

    def _measure(self, directory: Path, stages: Sequence[str]) -> None:
        """Write the figures of a trained model that are not there yet: one detection for all ways to search."""
        missing = {stage for stage in stages if not _figures_file(directory, stage).is_file()}
        if not missing:
            return
        model = load_model(directory)
        found = detect_split(model, self.gallery).by_frame
        seen = embed_queries(model, self.queries, self.gallery)
        readable = [sample for sample in self.gallery if sample.name in found]
        _, ap = recall_and_ap([found[sample.name] for sample in readable], [sample.boxes for sample in readable])
        searches = compare_stages(
            [(found, seen.embeddings)],
            seen.queries,
            Ranking(rerank=RERANKED in missing),
            weighted=WEIGHTED in missing,
            context=ContextSize() if CONTEXT in missing else None,
        )
        for stage in missing:
            metrics = searches[stage]
            figures: JointFigures = {
                "detection_ap": 100 * ap,
                "mean_ap": 100 * metrics.mean_ap,
                "top1": 100 * metrics.top1,
            }
            write_figures(_figures_file(directory, stage), figures)

    def _result(self, row: JointRow) -> JointRowResult:
        recipes = [row.recipe.with_seed(seed) for seed in self.seeds]
        seconds: list[float] = []
        figures: list[JointFigures] = []
        for recipe in recipes:
            if recipe.key() in self.diverged:
                figures.append({"detection_ap": math.nan, "mean_ap": math.nan, "top1": math.nan})
                seconds.append(math.nan)
                continue
            directory = self.directory(recipe)
            self._measure(directory, [row.stage])
            figures.append(_read_json(_figures_file(directory, row.stage)))
            seconds.append(float(_read_json(directory / "training.json")["seconds"]))
        return JointRowResult(row.label, figures, seconds, self.directory(recipes[0]))


def _figures_file(directory: Path, stage: str) -> Path:
    return directory / ("figures.json" if stage == PLAIN else f"figures-{stage}.json")


def _settings(recipe: JointRecipe) -> dict[str, dict[str, Any]]:
    """Part -> its settings, as JSON has them; without those of losses that are off."""
    whole = json.loads(json.dumps(dataclasses.asdict(recipe)))
    off = tuple(f"{name}_" for name in LOSSES if not getattr(recipe.losses, name))
    settings: dict[str, dict[str, Any]] = {name: part for name, part in whole.items() if name in _PARTS}
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
