"""The page of a crop evaluation: figures, curves, who was ranked first, thresholds, and where similarity comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datasets.crops import read_crop
from datasets.images import ImageError
from reid.crops.sphere_reid import SphereReID
from reid.crops.splits import CropEmbeddings
from reid.ranking.metrics import RankMetrics
from reid.ranking.pair_counts import OperatingPoint, binned, equal_error, threshold_at
from reid.ranking.protocols import CropEvaluation, ProtocolResult
from search.pages.heat_maps import heat_pairs
from search.pages.page import (
    Answer,
    Curve,
    Headline,
    Image,
    RankedRow,
    Section,
    Table,
    best_median_worst,
    report_page,
)

COLUMNS = ("mAP", "mINP", "rank-1", "rank-5", "rank-10", "rank-20")
RANKS = (1, 5, 10, 20)
FALSE_MATCH_RATES = (1e-2, 1e-3, 1e-4)
ANSWERS = 10
HISTOGRAM_BINS = 80
CURVE_RANKS = 20
GONE = np.full((128, 64, 3), 128, dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class CropReport:
    """What the page shows.

    Args:
        title: shown on top.
        evaluation: the figures.
        further: rows of the table beside the protocols: re-ranking, query expansion, several crops a query.
        query: The embeddings of the split "query", in the order of the evaluation's task.
        gallery: The embeddings of the split "gallery", in the order of the evaluation's task.
        model: whose they are.
        facts: what was measured and how: panel -> label -> value.
        commands: that make this page again.
        failures: how many crops could not be read.
    """

    title: str
    evaluation: CropEvaluation
    further: Sequence[ProtocolResult]
    query: CropEmbeddings
    gallery: CropEmbeddings
    model: SphereReID
    facts: Mapping[str, Mapping[str, str]]
    commands: Sequence[str] = ()
    failures: int = 0
    pictures: dict[str, Image] = field(default_factory=dict, init=False, repr=False)

    def picture(self, side: CropEmbeddings, row: int) -> Image:
        """A crop as a picture, a grey one where its file is gone since."""
        sample = side.samples[row]
        if sample.name not in self.pictures:
            try:
                self.pictures[sample.name] = read_crop(sample)
            except ImageError:
                self.pictures[sample.name] = GONE
        return self.pictures[sample.name]


def figures_row(result: ProtocolResult) -> list[float]:
    """The figures of COLUMNS."""
    metrics = result.metrics
    return [metrics.mean_ap, metrics.mean_inp, *(float(metrics.cmc[rank - 1]) for rank in RANKS)]


def operating_points(evaluation: CropEvaluation) -> dict[str, OperatingPoint]:
    """The equal-error threshold, and those of fixed false match rates as far as there are pairs enough for them.

    Returns:
        Label -> point; empty where the data has no pair of two persons.
    """
    different = int(evaluation.pairs.different.sum())
    if not different or not evaluation.pairs.same.any():
        return {}
    points = {"equal error": equal_error(evaluation.pairs)}
    for rate in FALSE_MATCH_RATES:
        if rate * different >= 1:
            points[f"false match {rate:g}"] = threshold_at(evaluation.pairs, rate)
    return points


def crop_page(report: CropReport) -> str:
    """The page of a crop evaluation, as HTML."""
    evaluation = report.evaluation
    best, chance = evaluation.results[0].metrics, evaluation.chance[0].metrics
    points = operating_points(evaluation)
    headlines = [
        Headline(f"{best.mean_ap:.3f}", "mAP", f"random ranking {chance.mean_ap:.4f}"),
        Headline(f"{best.cmc[0]:.3f}", "rank-1", f"random ranking {chance.cmc[0]:.4f}"),
        Headline(f"{best.mean_inp:.3f}", "mINP", f"random ranking {chance.mean_inp:.4f}"),
    ]
    if points:
        point = points["equal error"]
        headlines.append(Headline(f"{point.error_rate:.3f}", "equal error", f"at similarity {point.threshold:.3f}"))
    rows = [row for row in best_median_worst(best.average_precisions)]
    names = ("best", "median", "worst")[: len(rows)]
    return report_page(
        title=report.title,
        introduction=_introduction(report),
        headlines=headlines,
        sections=[
            Section("Every protocol", tables=[_figures(report)]),
            Section("How soon the person appears", curves=[_cmc(report), _average_precisions(best)]),
            Section(
                "Same person or not",
                f"All {evaluation.pairs.same.sum():,} pairs of a query and another view of its person, and all "
                f"{evaluation.pairs.different.sum():,} pairs with somebody else, by cosine distance. A threshold on it "
                "answers the question that a ranking does not: is the person there at all?",
                tables=[_thresholds(points)] if points else [],
                curves=[_histogram(evaluation, points)],
            ),
            Section(
                "Who was found",
                "Three queries by their average precision, and the gallery crops ranked first for each. Green: the "
                f"person looked for. Red: somebody else. {_left_out(evaluation)} not ranked.",
                rankings=[_ranking(report, row, name) for row, name in zip(rows, names, strict=True)],
            ),
            Section(
                "Where the similarity comes from",
                "The embedding is the mean of what the network makes of each place of the crop, so the similarity of "
                "two crops is a mean over places too. Warm places add to the similarity with the crop named below, "
                "grey ones do not; the mean over a crop is its similarity. Nothing is approximated, but a place sees "
                "more of the crop than it covers. Without the mirrored view.",
                rankings=[_maps(report, row, name) for row, name in zip(rows, names, strict=True)],
            ),
            Section(
                "How this was measured",
                tables=[
                    Table(name, ["", ""], [[*fact] for fact in facts.items()]) for name, facts in report.facts.items()
                ],
                commands=report.commands,
            ),
        ],
    )


def _introduction(report: CropReport) -> str:
    task = report.evaluation.task
    answers = task.answers()
    valid = answers[answers > 0]
    text = (
        f"{len(task.query_ids):,} queries of {len(np.unique(task.query_ids)):,} people, ranked against "
        f"{len(task.gallery_ids):,} gallery crops; a query has {np.median(valid):g} right answers there (median). "
        "The large figures are those of the Market-1501 protocol."
    )
    if len(valid) < len(answers):
        text += f" {len(answers) - len(valid):,} queries have none and are not counted."
    if report.failures:
        text += f" {report.failures:,} crops could not be read and take no part."
    return text


def _left_out(evaluation: CropEvaluation) -> str:
    if any(camera is not None for camera in evaluation.task.query_cameras):
        return "Crops of the person by the query's own camera are"
    return "No camera is known; the query's own crop alone is"


def _figures(report: CropReport) -> Table:
    results = [*report.evaluation.results, *report.further]
    results += [
        ProtocolResult(f"random ranking, {one.name}", one.metrics, one.queries) for one in report.evaluation.chance
    ]
    rows = [[one.name, *(f"{value:.4f}" for value in figures_row(one)), f"{one.queries:,}"] for one in results]
    note = (
        "mAP of market1501 is the step average precision; official AP is the trapezoid of the data set's own code. "
        "cuhk03 counts one gallery crop a person, the exact expectation over all draws."
    )
    return Table("Figures", ["protocol", *COLUMNS, "queries"], rows, note=note, highlight=0)


def _cmc(report: CropReport) -> Curve:
    # The official protocol differs in the average precision only.
    results = [one for one in report.evaluation.results if "official" not in one.name]
    results += [*report.further, ProtocolResult("random ranking", report.evaluation.chance[0].metrics, 0)]
    series = {one.name: list(enumerate(one.metrics.cmc.tolist(), start=1)) for one in results}
    return Curve(
        "Cumulative match curves",
        {name: [(float(rank), value) for rank, value in points[:CURVE_RANKS]] for name, points in series.items()},
        "rank",
        note="Share of queries with a right answer at this rank or better.",
    )


def _average_precisions(metrics: RankMetrics) -> Curve:
    falling = np.sort(metrics.average_precisions[np.isfinite(metrics.average_precisions)])[::-1]
    places = (np.arange(len(falling)) + 0.5) / len(falling)
    return Curve(
        "Average precision, query by query",
        {"market1501": list(zip(places.tolist(), falling.tolist(), strict=True))},
        "share of the queries, best first",
        note="The area below is mAP: how many queries are answered well, and how many not at all.",
    )


def _thresholds(points: Mapping[str, OperatingPoint]) -> Table:
    rows = [
        [
            label,
            f"{point.threshold:.3f}",
            f"{1 - point.threshold:.3f}",
            f"{point.false_match_rate:.2%}" if point.false_match_rate >= 1e-3 else f"{point.false_match_rate:.1e}",
            f"{point.false_non_match_rate:.2%}",
        ]
        for label, point in points.items()
    ]
    return Table(
        "Thresholds",
        ["", "similarity", "distance", "strangers taken", "views missed"],
        rows,
        note="Strangers taken: share of pairs of two people at or above the threshold. Views missed: share of pairs of "
        "one person below it. Thresholds hold for this kind of data: new cameras need their own.",
    )


def _histogram(evaluation: CropEvaluation, points: Mapping[str, OperatingPoint]) -> Curve:
    edges, same, different = binned(evaluation.pairs, HISTOGRAM_BINS)
    distance = 1 - edges
    top = float(max(same.max(), different.max()))
    series = {"same person": _steps(distance, same), "different people": _steps(distance, different)}
    for label in ("equal error", "false match 0.001"):
        if label in points:
            place = 1 - points[label].threshold
            series[label] = [(place, 0.0), (place, top)]
    return Curve(
        "Distances",
        series,
        "cosine distance",
        note="Share of the pairs of each kind, in equal bins; every pair counted.",
    )


def _steps(edges: NDArray[np.float64], shares: NDArray[np.float64]) -> list[tuple[float, float]]:
    """The outline of a histogram."""
    return list(zip(np.repeat(edges, 2)[1:-1].tolist(), np.repeat(shares, 2).tolist(), strict=True))


def _ranking(report: CropReport, row: int, name: str) -> RankedRow:
    evaluation, sample = report.evaluation, report.query.samples[row]
    order, similarities = evaluation.task.nearest(row, report.query.embeddings, report.gallery.embeddings, ANSWERS)
    answers = [
        Answer(
            report.picture(report.gallery, int(column)),
            f"{_camera(report.gallery, int(column))}{max(0.0, 1 - value):.2f}",
            "right" if evaluation.task.gallery_ids[column] == sample.person_id else "wrong",
        )
        for column, value in zip(order, similarities.tolist(), strict=True)
    ]
    metrics = evaluation.results[0].metrics
    right = int(evaluation.task.answers()[row])
    note = (
        f"{sample.name}: person {sample.original_id}, {_camera(report.query, row)}first right answer at rank "
        f"{metrics.first_ranks[row]}, {right} in the gallery. Below each crop its camera and cosine distance."
    )
    title = f"{name.capitalize()} of {evaluation.results[0].queries:,}: AP {metrics.average_precisions[row]:.3f}"
    return RankedRow(title, report.picture(report.query, row), answers, note)


def _camera(side: CropEmbeddings, row: int) -> str:
    camera = side.samples[row].camera
    return "" if camera is None else f"camera {camera}, "


def _maps(report: CropReport, row: int, name: str) -> RankedRow:
    """The query with its first two answers, and with its first right answer where that is another one."""
    task = report.evaluation.task
    order, _ = task.nearest(row, report.query.embeddings, report.gallery.embeddings, len(task.gallery_ids))
    right = task.gallery_ids[order] == task.query_ids[row]
    places = sorted({*range(min(2, len(order))), int(np.argmax(right))})
    crop = report.picture(report.query, row)
    others = [report.picture(report.gallery, int(order[place])) for place in places]
    answers = []
    for place, other, pair in zip(places, others, heat_pairs(report.model, crop, others), strict=True):
        rank = f"rank {place + 1}"
        answers += [
            Answer(pair.first, f"query towards {rank}"),
            Answer(other, f"{rank}, similarity {pair.similarity:.2f}", "right" if right[place] else "wrong"),
            Answer(pair.second, f"{rank} towards query"),
        ]
    return RankedRow(f"{name.capitalize()} query", crop, answers)
