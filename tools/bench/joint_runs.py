"""How the joint models of the tables are trained and measured."""

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from datasets.samples import FrameSample, Query
from detection.checkpoints import load_model
from detection.metrics import recall_and_ap
from detection.start import resumed_model, start_model
from detection.training import JointTrainingTask, described
from reid.crops.sphere_reid import SphereReID
from reid.crops.teacher import TEACHER_FILE, TaughtFrames, teach_frames
from reid.runs.files import digest_of
from reid.runs.run import TrainingRun
from reid.runs.shared_work import write_figures
from search.evaluation.splits import detect_split, embed_queries
from search.evaluation.stages import CONTEXT, PLAIN, RERANKED, WEIGHTED, compare_stages
from search.query.context import ContextSize
from search.query.ranking import Ranking
from tools.bench.joint_recipes import JointRecipe, JointRow
from tools.bench.runs import RowResult

JointFigure = Literal["detection_ap", "mean_ap", "top1"]
JOINT_FIGURES: dict[JointFigure, str] = {"detection_ap": "AP@0.5", "mean_ap": "mAP", "top1": "top-1"}
JointFigures = dict[JointFigure, float]
JointResult = RowResult[JointFigures]


class JointTables:
    """Trainings of joint models, for `tools.bench.runs.TableRun`.

    Args:
        train: The frames of the split "train".
        gallery: The frames of the split "gallery".
        queries: The people to find in the gallery.
    """

    def __init__(self, train: Sequence[FrameSample], gallery: Sequence[FrameSample], queries: Sequence[Query]) -> None:
        self.train = train
        self.gallery = gallery
        self.queries = queries

    def digests(self) -> dict[str, str]:
        """What tells the data apart: both splits and the queries."""
        splits = {"train": self.train, "gallery": self.gallery}
        digests = {name: digest_of([described(sample) for sample in part]) for name, part in splits.items()}
        asked = [f"{query.frame} {query.crop} {query.person_id} {query.camera}\n".encode() for query in self.queries]
        return digests | {"queries": digest_of(asked)}

    def steps(self, recipe: JointRecipe) -> int:
        """The steps of a training."""
        return recipe.training.epochs * -(-len(self.train) // recipe.training.batch_size)

    def begin(self, recipe: JointRecipe, directory: Path, *, start: Path | None, resume: bool) -> TrainingRun[Any, Any]:
        """The training, from its weights, from another training's model or from that one's detector alone."""
        new_head = start is not None and recipe.new_head
        weights = recipe.weights if start is None else str(start)
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
            taught=self._taught(recipe, directory),
        )
        return TrainingRun(task, directory)

    def measure(self, directory: Path, rows: Sequence[JointRow]) -> None:
        """Write the figures of a trained model that are not there yet: one detection for all ways to search."""
        missing = {row.stage for row in rows if not _figures_file(directory, row.stage).is_file()}
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
            Ranking(rerank=RERANKED in missing, class_weighted=WEIGHTED in missing),
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

    def figures(self, directory: Path, row: JointRow) -> JointFigures | None:
        """The figures of a line; None where they are not measured yet."""
        file = _figures_file(directory, row.stage)
        if not file.is_file():
            return None
        figures: JointFigures = json.loads(file.read_text(encoding="utf-8"))
        return figures

    def not_converged(self) -> JointFigures:
        """NaN for every figure."""
        return dict.fromkeys(JOINT_FIGURES, math.nan)

    def _taught(self, recipe: JointRecipe, directory: Path) -> TaughtFrames | None:
        """What the teacher makes of the training frames, embedded once for all lines and seeds."""
        if not recipe.losses.teacher:
            return None
        file = directory.parent.parent / TEACHER_FILE
        teacher = SphereReID.from_checkpoint(recipe.teacher)
        return teach_frames(teacher, self.train, file, dimension=recipe.embedding.dimension)


def _figures_file(directory: Path, stage: str) -> Path:
    return directory / ("figures.json" if stage == PLAIN else f"figures-{stage}.json")
