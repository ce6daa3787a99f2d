"""Who is who among detections, and verdicts calibrated on them: naive loops, rates that are kept, and bad data."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from datasets.boxes import box_overlap
from datasets.files import write_whole
from datasets.samples import BACKGROUND, UNLABELLED, FrameSample, Query
from detection.detections import Detections
from search.evaluation.calibration import Searches, fit_calibration
from search.evaluation.labelled_people import (
    People,
    halves,
    label_detections,
    not_compared,
    people_of_queries,
    representatives,
    stacked_embeddings,
)
from search.evaluation.stacking import overlap_threshold
from search.models.embedded_by import EmbeddedBy
from search.pages.calibration_page import calibration_page, held_out_table
from search.query.ranking import Ranking
from search.query.rates import VerdictRates
from search.query.verdict import LabelledData

BY, DATA = (EmbeddedBy("weights"), Ranking()), LabelledData("square")


def random_boxes(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    corners = rng.uniform(0, 100, (count, 2))
    return np.concatenate([corners, corners + rng.uniform(10, 60, (count, 2))], axis=1).astype(np.float32)


@pytest.fixture
def frames() -> tuple[list[FrameSample], dict[str, Detections]]:
    """Twelve frames; the detections are shifted true boxes and some boxes anywhere; one frame could not be read."""
    rng = np.random.default_rng(5)
    samples, found = [], {}
    for number in range(12):
        boxes = random_boxes(rng, int(rng.integers(0, 5)))
        ids = rng.integers(-1, 6, len(boxes))
        ignore = random_boxes(rng, int(number % 3 == 0))
        name = f"{number:02d}"
        camera = None if number == 4 else number % 3
        samples.append(FrameSample(name, Path(name), boxes, ids, camera, ignore=ignore))
        if number == 7:
            continue
        rows = np.concatenate([boxes + rng.uniform(-12, 12, boxes.shape).astype(np.float32), random_boxes(rng, 2)])
        embeddings = torch.nn.functional.normalize(torch.from_numpy(rng.standard_normal((len(rows), 6))).float(), dim=1)
        found[name] = Detections(rows, np.ones(len(rows)), embeddings)
    return samples, found


@pytest.mark.parametrize("unlabelled", ["ignore", "negative"])
def test_detections_get_the_identity_of_the_box_they_overlap_most(
    frames: tuple[list[FrameSample], dict[str, Detections]], unlabelled: str
) -> None:
    samples, found = frames
    people = label_detections(samples, found, unlabelled=unlabelled)  # type: ignore[arg-type]
    ids, beside, row = [], set(), 0
    for sample in samples:
        for box in found[sample.name].boxes.numpy() if sample.name in found else []:
            truths = [*zip(sample.boxes, sample.person_ids, strict=True), *((box_, -1) for box_ in sample.ignore)]
            overlaps = [(float(box_overlap(truth, box)), float(overlap_threshold(truth)), who) for truth, who in truths]
            fitting = [(overlap, who) for overlap, least, who in overlaps if overlap >= least]
            best = max(fitting)[1] if fitting else BACKGROUND
            if best == BACKGROUND:
                beside |= {(row, int(who)) for overlap, _, who in overlaps if overlap > 0 and who >= 0}
            ids.append(BACKGROUND if best == UNLABELLED and unlabelled == "negative" else best)
            assert people.frames[row] == sample.name
            assert people.cameras[row] == sample.camera
            row += 1
    assert people.person_ids.tolist() == ids
    assert {tuple(pair) for pair in people.beside.tolist()} == beside
    assert {BACKGROUND, UNLABELLED} <= set(ids) or unlabelled == "negative"
    assert beside
    embeddings = stacked_embeddings(samples, found)
    assert len(embeddings) == len(people) == row
    torch.testing.assert_close(embeddings[-1], list(found.values())[-1].embeddings[-1])


def test_pairs_that_no_search_would_compare(frames: tuple[list[FrameSample], dict[str, Detections]]) -> None:
    samples, found = frames
    people = label_detections(samples, found)
    queries = [
        Query(person, (), frame=f"{number:02d}", box=np.array([0, 0, 9, 9]))
        for person, number in itertools.product((0, 2, 5), (0, 1, 7))
    ]
    queries.append(Query(2, (), crop=Path("2.png"), camera=1))
    probes = people_of_queries(queries)
    assert probes.cameras[-1] == 1
    expected = {
        (query, row)
        for query, row in itertools.product(range(len(probes)), range(len(people)))
        if probes.frames[query] == people.frames[row]
        or (row, int(probes.person_ids[query])) in {tuple(pair) for pair in people.beside.tolist()}
    }
    assert {tuple(pair) for pair in not_compared(probes, people).tolist()} == expected


def test_parts_and_representatives(frames: tuple[list[FrameSample], dict[str, Detections]]) -> None:
    people = label_detections(*frames)
    rows = np.arange(1, len(people), 2)
    part = people.take(rows)
    assert part.person_ids.tolist() == people.person_ids[1::2].tolist()
    assert {(int(rows[row]), who) for row, who in part.beside.tolist()} == {
        (row, who) for row, who in people.beside.tolist() if row % 2
    }
    chosen = representatives(people)
    seen = [(people.person_ids[row], people.cameras[row]) for row in chosen]
    everybody = {(who, where) for who, where in zip(people.person_ids, people.cameras, strict=True) if who >= 0}
    assert len(seen) == len(set(seen))
    assert set(seen) == everybody
    first = halves(people, 3)
    assert (first == halves(people, 3)).all()
    for who in set(people.person_ids.tolist()) - {BACKGROUND, UNLABELLED}:
        assert len(set(first[people.person_ids == who].tolist())) == 1


def world(
    people: int, spread: float, *, seed: int = 0, width: int = 16, each: int = 4, cameras: bool = True
) -> Searches:
    """Every person in two cameras, and nobody's detections among them; the smaller the spread, the easier."""
    rng = np.random.default_rng(seed)
    centers = rng.standard_normal((people + 2, width))  # nobody is -2

    def rows(ids: NDArray[np.int64]) -> torch.Tensor:
        made = np.where(ids[:, None] >= 0, centers[ids], 0) + spread * rng.standard_normal((len(ids), width))
        return torch.nn.functional.normalize(torch.from_numpy(made).float(), dim=1)

    asked, there = np.arange(people), np.concatenate([np.repeat(np.arange(people), each), np.full(people, -2)])
    nothing = np.zeros((0, 2), dtype=np.int64)
    where = [(0 if cameras else None, 1 if cameras else None)[side] for side in (0, 1)]
    probes = People(asked, (where[0],) * people, (None,) * people, nothing)
    sightings = People(there, (where[1],) * len(there), tuple(map(str, range(len(there)))), nothing)
    return Searches(probes, rows(asked), sightings, rows(there))


def test_thresholds_keep_their_rates_and_people_left_out_feel_them() -> None:
    searches = world(300, 0.6)
    made = fit_calibration(searches, *BY, DATA, VerdictRates(0.02, 0.2)).calibration
    assert (made.data.probes, made.data.people, made.data.sightings) == (300, 300, 1500)
    for one in made.rates:
        assert one.match.false_positive <= 0.02 + 1e-9
        assert one.possible.false_positive <= 0.2 + 1e-9
        assert one.match.found_first <= one.match.found <= one.possible.found
        assert one.match.false_match <= one.possible.false_match
    assert [one.size for one in made.held_out][:3] == [1, 10, 100]
    whole = made.held_out[-1]
    assert 700 < whole.size < 800
    # A threshold just above the fourth best of 150 strangers is exceeded by 4 of 151 new ones, and by chance.
    assert 0.005 < whole.match.false_positive < 0.05
    assert whole.possible.false_positive == pytest.approx(0.2, abs=0.06)
    assert whole.match.found > 0.3
    again = fit_calibration(searches, *BY, DATA, VerdictRates(0.02, 0.2)).calibration
    assert again == made


def test_rates_of_pairs_are_those_of_single_comparisons() -> None:
    """The lowest threshold that no larger share of all pairs of two persons reaches, whatever the gallery's size."""
    searches = world(40, 0.6)
    fitted = fit_calibration(searches, *BY, DATA, VerdictRates(rate_of="pairs"))
    made = fitted.calibration
    similarities = (searches.probe_embeddings @ searches.embeddings.T).numpy()
    others = similarities[searches.probes.person_ids[:, None] != searches.sightings.person_ids]
    for rate, thresholds in ((0.01, made.thresholds.match), (0.1, made.thresholds.possible)):
        (threshold,) = set(thresholds)
        assert (others >= threshold).mean() <= rate < (others >= threshold - 2**-15).mean()
    pairs = (others >= made.thresholds.match[0]).mean()
    assert [one.match.false_match for one in made.rates] == [pytest.approx(pairs)] * len(made.rates)
    absent = [one.match.false_positive for one in made.rates]
    assert absent == sorted(absent)
    assert absent[0] == pytest.approx(0.01, abs=1e-3)  # one comparison each, but for how many there are to choose from
    assert absent[-1] > 0.2
    assert made.held_out[-1].match.false_positive > made.held_out[0].match.false_positive
    verdict = made.judge(1.0, 10**6)
    assert verdict.meaning().startswith(
        "Of all pairs of sightings that show two different people, 1 % are called a match and 10 %"
    )
    assert "In a test with other people who were not in the footage, " in verdict.meaning()
    assert verdict.doubts()[0].startswith("wrong answers become more frequent in a gallery as large as this: at most ")
    assert verdict.thresholds.match == made.thresholds.match[0]
    assert verdict.to_dict()["rate_of"] == "pairs"
    with pytest.raises(ValueError, match="rates of 'frames', expected one of probes, pairs"):
        fit_calibration(searches, *BY, DATA, VerdictRates(rate_of="frames"))  # type: ignore[arg-type]


def test_the_order_of_sightings_is_of_no_matter() -> None:
    searches = world(40, 0.6)
    order = np.random.default_rng(1).permutation(len(searches.sightings))
    shuffled = Searches(
        searches.probes, searches.probe_embeddings, searches.sightings.take(np.arange(len(order))), searches.embeddings
    )
    people = searches.sightings
    cameras, frames = (tuple(each[row] for row in order) for each in (people.cameras, people.frames))
    moved = People(people.person_ids[order], cameras, frames, people.beside)
    moved = Searches(searches.probes, searches.probe_embeddings, moved, searches.embeddings[order])
    plain, same, other = (fit_calibration(one, *BY, DATA).calibration for one in (searches, shuffled, moved))
    assert plain == same
    assert plain.thresholds == other.thresholds
    assert plain.rates[-1].match.found == other.rates[-1].match.found


def test_people_who_are_easily_told_apart_are_all_found() -> None:
    made = fit_calibration(world(60, 0.02, width=64), *BY, DATA).calibration
    assert made.rates[-1].match.found == 1
    assert made.rates[-1].match.found_first == 1
    assert made.held_out[-1].match.found > 0.95


def test_without_cameras_and_in_the_same_camera() -> None:
    unknown = fit_calibration(world(30, 0.5, cameras=False), *BY, DATA).calibration
    assert unknown.rates[-1].match.found > 0
    searches = world(30, 0.5)
    searches.sightings.__dict__["cameras"] = (0,) * len(searches.sightings)
    nobody = fit_calibration(searches, *BY, DATA).calibration
    assert np.isnan(nobody.rates[-1].match.found)
    assert np.isnan(nobody.held_out[-1].match.found)
    everybody = fit_calibration(
        Searches(searches.probes, searches.probe_embeddings, searches.sightings, searches.embeddings, True), *BY, DATA
    ).calibration
    assert everybody.rates[-1].match.found > 0
    assert everybody.data.same_camera
    assert everybody.thresholds == nobody.thresholds


def test_too_few_people() -> None:
    none, one, two = (world(count, 0.5) for count in (0, 1, 2))
    with pytest.raises(ValueError, match="square has no labeled person to look for"):
        fit_calibration(none, *BY, DATA)
    alone = one.part(np.array([True]), one.sightings.person_ids >= 0)
    with pytest.raises(ValueError, match="a probe of person 0 has nobody else in the gallery"):
        fit_calibration(alone, *BY, DATA)
    with pytest.raises(ValueError, match="nobody was found in the frames of square"):
        fit_calibration(one.part(np.array([True]), np.zeros(5, dtype=bool)), *BY, DATA)
    people_alone = two.part(np.ones(2, dtype=bool), two.sightings.person_ids >= 0)
    assert fit_calibration(people_alone, *BY, DATA).calibration.held_out == ()


def test_the_page_shows_every_similarity(tmp_path: Path) -> None:
    fitted = [
        ("joint model alone", fit_calibration(world(30, 0.8), *BY, DATA)),
        ("<both>", fit_calibration(world(30, 0.4), *BY, DATA)),
    ]
    write_whole(tmp_path / "report.html", calibration_page(fitted, title="Verdicts"))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for words in ("Joint model alone", "&lt;both&gt;", "Limits by gallery size", "Verdicts on people left out"):
        assert words in page
    assert page.count("Found against mistaken") == 4  # heading and label of each drawing
    few = world(2, 0.5)
    few = fit_calibration(few.part(np.ones(2, dtype=bool), few.sightings.person_ids >= 0), *BY, DATA)
    write_whole(tmp_path / "few.html", calibration_page([("one stage", few)], title="Verdicts"))
    assert "people left out" not in (tmp_path / "few.html").read_text(encoding="utf-8")
    assert len(held_out_table(fitted[0][1].calibration).rows) == 2 * len(fitted[0][1].calibration.held_out)
