"""Evaluating a crop model while it is trained."""

import csv
from collections.abc import Sequence
from pathlib import Path

from datasets.files import whole_file
from datasets.samples import CropSample
from reid.crops.sphere_reid import SphereReID
from reid.crops.splits import embed_crops
from reid.ranking.protocols import CropTask

EVALUATION_FILE = "evaluation.csv"
COLUMNS = ("epoch", "mean_ap", "mean_inp", "rank1", "rank5", "rank10")


class PeriodicEvaluation:
    """Adds a line to evaluation.csv each time it is called: the figures of Market-1501's protocol, no mirrored view.

    Args:
        model: The model to evaluate, usually `TrainingRun.saved_model`.
        directory: The folder of the run.
        query: The crops of the split "query".
        gallery: The crops of the split "gallery".
        every: The epochs from one evaluation to the next; calls in between do nothing.
    """

    def __init__(
        self,
        model: SphereReID,
        directory: Path,
        query: Sequence[CropSample],
        gallery: Sequence[CropSample],
        *,
        every: int = 1,
    ) -> None:
        self._every = every
        self._model = model
        self._path = directory / EVALUATION_FILE
        self._query = query
        self._gallery = gallery

    def __call__(self, epoch: int) -> dict[str, float]:
        """Evaluate and write the line of an epoch, in the place of an older line of the same one.

        Args:
            epoch: The number of epochs done.

        Returns:
            The figures by the names in `COLUMNS`; empty where this epoch's turn is not.
        """
        if epoch % self._every:
            return {}
        query = embed_crops(self._model, self._query, mirrored=False)
        gallery = embed_crops(self._model, self._gallery, mirrored=False)
        task = CropTask.of(query.samples, gallery.samples)
        metrics = task.rank(query.embeddings, gallery.embeddings).metrics
        cmc = metrics.cmc
        figures = dict(zip(COLUMNS, (epoch, metrics.mean_ap, metrics.mean_inp, cmc[0], cmc[4], cmc[9]), strict=True))
        rows: list[list[str]] = []
        if self._path.is_file():
            with self._path.open(newline="", encoding="utf-8") as file:
                rows = [row for row in list(csv.reader(file))[1:] if row and int(row[0]) < epoch]
        with whole_file(self._path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(
                [COLUMNS, *rows, [str(epoch), *(f"{figures[name]:.6f}" for name in COLUMNS[1:])]]
            )
        return figures
