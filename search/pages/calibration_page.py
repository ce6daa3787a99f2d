"""The page of a calibration: who is mistaken for whom at which similarity, and what the verdicts do."""

from collections.abc import Sequence

import numpy as np

from reid.ranking.open_set import Identifications
from reid.ranking.pair_counts import THRESHOLDS, PairCounts, binned
from search.evaluation.calibration import FittedCalibration
from search.pages.page import Curve, Headline, Section, Table, report_page
from search.query.verdict import Calibration, percent

Points = list[tuple[float, float]]


def calibration_page(fitted: Sequence[tuple[str, FittedCalibration]], *, title: str) -> str:
    """The page of a calibration, as HTML.

    Args:
        fitted: Each similarity's name and calibration, the one that decides last.
        title: It is shown on top.
    """
    name, last = fitted[-1]
    data = last.calibration.data
    absent, growth = "searches for people who are not there", "rises with the gallery"
    if last.calibration.rate_of == "pairs":
        absent, growth = "pairs of two people", "is the same for every gallery, and mistakes grow with it"
    return report_page(
        title=title,
        introduction=(
            f"{data.probes:,} searches for {data.people:,} people among {data.sightings:,} sightings were made twice: "
            "with the sightings of their person, and without, as for people who are not there. Of all "
            f"{absent}, at most {percent(last.calibration.match_rate)} reach the limit of a match, and at most "
            f"{percent(last.calibration.possible_rate)} that of possible. Each is the lowest such limit; it "
            f"{growth}."
        ),
        headlines=_headlines(name, last.calibration),
        sections=[_section(label, one) for label, one in fitted],
    )


def _headlines(name: str, calibration: Calibration) -> list[Headline]:
    if not calibration.held_out:
        return []
    whole = calibration.held_out[-1]
    return [
        Headline(percent(rate), what, f"{name}, people left out, {whole.size:,} sightings")
        for rate, what in (
            (whole.match.false_positive, "of absent people called a match"),
            (whole.match.found, "of present people's best own sightings are a match"),
            (whole.possible.false_positive, "of absent people called possible or more"),
            (whole.possible.found, "of present people's best own sightings are possible or more"),
        )
    ]


def _section(name: str, fitted: FittedCalibration) -> Section:
    calibration, found = fitted.calibration, fitted.found
    tables = [_thresholds(calibration)]
    if calibration.held_out:
        tables.append(held_out_table(calibration))
    curves = [_distributions(fitted.pairs, found), _growth(calibration), _trade(found)]
    return Section(name[0].upper() + name[1:], tables=tables, curves=curves)


def _thresholds(calibration: Calibration) -> Table:
    rows = []
    for one in calibration.rates:
        at = calibration.thresholds.at(one.size)
        rows.append(
            [
                f"{one.size:,}", f"{at.match:.3f}", percent(one.match.found), f"{at.possible:.3f}",
                percent(one.possible.found), percent(one.match.false_match),
            ]
        )  # fmt: skip
    return Table(
        "Limits by gallery size",
        ["sightings", "match from", "found", "possible from", "found", "pairs"],
        rows,
        note="Found: searches for present people whose own best sighting is at least so similar. Pairs: single pairs "
        "of two people that are as similar as a match (false match rate).",
    )


def held_out_table(calibration: Calibration) -> Table:
    """How often people who are not there, and people who are, reach each verdict."""
    rows = [
        [f"{one.size:,}", level, *map(percent, (rates.false_positive, rates.found, rates.found_first))]
        for one in calibration.held_out
        for level, rates in (("match", one.match), ("possible", one.possible))
    ]
    return Table(
        "Verdicts on people left out",
        ["sightings", "at least", "absent people", "present people", "and ranked first"],
        rows,
        note="The limits are learned on one half of the people and measured on the other; each figure is the mean of "
        "several halvings. Absent people: searches without the person in which somebody else reaches the verdict. "
        "Present people: searches in which the person's own best sighting reaches it.",
    )


def _distributions(pairs: PairCounts, found: Identifications) -> Curve:
    series: dict[str, Points] = {}
    if pairs.same.sum() and pairs.different.sum():
        edges, same, different = binned(pairs, 60)
        middles = (edges[:-1] + edges[1:]) / 2
        series["pairs of one person"] = list(zip(middles.tolist(), same.tolist(), strict=True))
        series["pairs of two"] = list(zip(middles.tolist(), different.tolist(), strict=True))
        strangers = np.add.reduceat(np.append(found.others[-1], 0), np.searchsorted(THRESHOLDS, edges[:-1]))
        series["most similar stranger"] = list(zip(middles.tolist(), (strangers / found.probes).tolist(), strict=True))
    return Curve(
        "Similarities",
        series,
        x_label="cosine similarity",
        note="Share of each kind. The most similar stranger of the whole gallery is what an absent person gets.",
    )


def _growth(calibration: Calibration) -> Curve:
    thresholds = calibration.thresholds
    series = {
        name: [(float(np.log10(size)), value) for size, value in zip(thresholds.sizes, values, strict=True)]
        for name, values in (("match from", thresholds.match), ("possible from", thresholds.possible))
    }
    return Curve("Limits by gallery size", series, x_label="log10 of the sightings compared")


def _trade(found: Identifications, points: int = 200) -> Curve:
    """Present people found against absent people mistaken, over all thresholds, at three gallery sizes."""
    series: dict[str, Points] = {}
    for row in dict.fromkeys((0, len(found.sizes) // 2, len(found.sizes) - 1)):
        rates = found.false_positive_rates(row)
        edges = np.unique(np.searchsorted(-rates, -np.linspace(0, 1, points)))
        edges = edges[edges < len(THRESHOLDS)]
        line = [(float(rates[edge]), found.found_rate(float(THRESHOLDS[edge]))) for edge in edges]
        size = int(found.sizes[row])
        series[f"{size:,} sighting{'s' if size > 1 else ''}"] = line[::-1]
    return Curve(
        "Found against mistaken",
        series if len(found.best) else {},
        x_label="share of absent people with somebody above the limit",
        note="Upwards: share of present people whose own best sighting is above it.",
    )
