"""Tracking figures by hand, against a slow HOTA, motmetrics' own sums and TrackEval's figures; what is not judged."""

import motmetrics
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from search.evaluation.hota import hota_metrics, hota_sums
from search.evaluation.tracked_frames import TrackedFrame, judged_frame
from search.evaluation.tracking_metrics import evaluate_across, evaluate_tracks

NOBODY = np.zeros((0, 4), dtype=np.float32)


def at(*places: float) -> np.ndarray:
    """Boxes of 40 x 100 with their left sides at the places, far apart where those are."""
    return np.array([[place, 0, place + 40, 100] for place in places], dtype=np.float32).reshape(-1, 4)


def frame(truth: dict[int, float], found: dict[int, float]) -> TrackedFrame:
    return TrackedFrame(list(truth), at(*truth.values()), list(found), at(*found.values()))


def sized(corners: np.ndarray) -> np.ndarray:
    return np.concatenate([corners, corners + np.array([40, 100])], axis=1)


def crowd(random: np.random.Generator, frames: int, persons: int) -> list[TrackedFrame]:
    """Noisy boxes of people who cross, some missed, some wrong, with numbers that change every 17 frames."""
    made = []
    start, speed = random.uniform(0, 500, (persons, 2)), random.uniform(-4, 4, (persons, 2))
    number = np.arange(persons)
    for time in range(frames):
        corners = start + speed * time
        boxes = sized(corners)
        there, seen = random.random(persons) < 0.9, random.random(persons) < 0.8
        if time % 17 == 16:
            number = random.permutation(persons) + time // 17 * 3
        found = boxes[seen] + random.normal(0, 6, (seen.sum(), 4))
        wrong = random.integers(0, 3)
        corners = random.uniform(0, 500, (wrong, 2))
        found = np.concatenate([found, sized(corners)])
        ids = np.concatenate([number[seen], 1000 + time * 5 + np.arange(wrong)])
        made.append(TrackedFrame(np.arange(persons)[there], boxes[there], ids, found))
    return made


def slow_hota(frames: list[TrackedFrame]) -> tuple[list[float], list[float]]:
    """DetA and AssA at every alpha by loops over frames, hits and tracks, as the paper writes them."""
    soft: dict[tuple[int, int], float] = {}
    for one in frames:
        table = one.overlap()
        for row, person in enumerate(one.true_ids.tolist()):
            for column, track in enumerate(one.ids.tolist()):
                share = table[row, column]
                below = table[row].sum() + table[:, column].sum() - share
                soft[person, track] = soft.get((person, track), 0.0) + (share / below if below else 0.0)
    persons = [person for one in frames for person in one.true_ids.tolist()]
    tracks = [track for one in frames for track in one.ids.tolist()]
    detection, association = [], []
    for alpha in np.arange(1, 20) / 20:
        hits = []
        for one in frames:
            table = one.overlap()
            score = np.zeros_like(table)
            for row, person in enumerate(one.true_ids.tolist()):
                for column, track in enumerate(one.ids.tolist()):
                    together = soft[person, track]
                    both = persons.count(person) + tracks.count(track) - together
                    score[row, column] = together / both * table[row, column]
            for row, column in zip(*linear_sum_assignment(-score), strict=True):
                if table[row, column] >= alpha - 1e-15:
                    hits.append((int(one.true_ids[row]), int(one.ids[column])))
        shares = []
        for person, track in hits:
            true_positive = hits.count((person, track))
            shares.append(true_positive / (persons.count(person) + tracks.count(track) - true_positive))
        detection.append(len(hits) / (len(persons) + len(tracks) - len(hits)))
        association.append(float(np.mean(shares)) if shares else 0.0)
    return detection, association


@pytest.mark.parametrize("seed", range(3))
def test_hota_is_that_of_the_loop(seed: int) -> None:
    frames = crowd(np.random.default_rng(seed), 10, 4)
    detection, association = slow_hota(frames)
    found = hota_metrics([hota_sums(frames)])
    assert found.detection == pytest.approx(np.mean(detection))
    assert found.association == pytest.approx(np.mean(association))
    assert found.hota == pytest.approx(np.mean(np.sqrt(np.multiply(detection, association))))
    assert np.allclose(found.hota_at, np.sqrt(np.multiply(detection, association)))


def test_the_figures_of_the_published_evaluator() -> None:
    """TrackEval 1.3.0 gives these on the same boxes."""
    random = np.random.default_rng(0)
    _, overall = evaluate_tracks({"a": crowd(random, 60, 8), "b": crowd(random, 40, 5)})
    hota = overall.hota
    assert hota.hota == pytest.approx(0.276903921396563, abs=1e-12)
    assert hota.detection == pytest.approx(0.45046634504869343, abs=1e-12)
    assert hota.association == pytest.approx(0.17070659705823393, abs=1e-12)
    assert hota.association_recall == pytest.approx(0.22885112906266206, abs=1e-12)
    assert hota.association_precision == pytest.approx(0.371431439094871, abs=1e-12)
    assert hota.localization == pytest.approx(0.773611659444539, abs=1e-12)
    assert overall.idf1 == pytest.approx(0.3449920508744038, abs=1e-12)


def test_perfect_tracks() -> None:
    frames = [frame({7: 0, 9: 200}, {1: 0, 0: 200}), frame({9: 210}, {0: 210}), frame({}, {})]
    single, overall = evaluate_tracks({"s": frames})
    for metrics in (single["s"], overall):
        assert (metrics.mota, metrics.motp, metrics.idf1, metrics.precision, metrics.recall) == (1, 1, 1, 1, 1)
        assert (metrics.hota.hota, metrics.hota.localization) == (1, 1)
        assert metrics.counts.mostly_tracked == metrics.counts.people == 2
        assert metrics.counts.frames == 3


def test_a_track_that_changes_its_number_halfway() -> None:
    frames = [frame({1: 0}, {5 if time < 4 else 6: 0}) for time in range(8)]
    _, metrics = evaluate_tracks({"s": frames})
    assert metrics.counts.switches == 1
    assert metrics.mota == pytest.approx(1 - 1 / 8)
    assert metrics.idf1 == pytest.approx(2 * 4 / 16)
    # Each hit has TPA 4 of 8 true boxes and of the 4 of its track.
    assert metrics.hota.association == pytest.approx(0.5)
    assert metrics.hota.association_recall == pytest.approx(0.5)
    assert metrics.hota.association_precision == 1
    assert metrics.hota.hota == pytest.approx(0.5**0.5)


def test_misses_false_alarms_and_fragments() -> None:
    found = [{1: 0.0}, {1: 10.0}, {}, {1: 0.0, 2: 500.0}]
    frames = [frame({4: 0}, one) for one in found]
    _, metrics = evaluate_tracks({"s": frames})
    counts = metrics.counts
    assert (counts.misses, counts.false_positives, counts.switches, counts.fragmentations) == (1, 1, 0, 1)
    assert metrics.mota == pytest.approx(1 - 2 / 4)
    assert metrics.motp == pytest.approx((1 + 30 / 50 + 1) / 3)
    assert (metrics.precision, metrics.recall) == (3 / 4, 3 / 4)
    # From the second frame on its overlap of 0.6 is no hit.
    assert evaluate_tracks({"s": frames}, iou_threshold=0.7)[1].counts.misses == 2


def test_the_sums_are_those_of_motmetrics() -> None:
    random = np.random.default_rng(5)
    sequences = {"a": crowd(random, 30, 6), "b": crowd(random, 15, 3)}
    done: list[tuple[int, int]] = []
    single, overall = evaluate_tracks(sequences, on_progress=lambda *counts: done.append(counts))
    assert done == [(1, 2), (2, 2)]
    accumulators = []
    for frames in sequences.values():
        accumulators.append(motmetrics.MOTAccumulator(auto_id=True))
        for one in frames:
            distance = 1 - one.overlap()
            accumulators[-1].update(one.true_ids, one.ids, np.where(distance > 0.5, np.nan, distance))
    names = ["mota", "motp", "idf1", "idp", "idr", "precision", "recall", "num_switches", "num_fragmentations"]
    host = motmetrics.metrics.create()
    expected = host.compute_many(accumulators, metrics=names, names=list(sequences), generate_overall=True)
    for name, metrics in [*single.items(), ("OVERALL", overall)]:
        row = expected.loc[name]
        mine = [metrics.mota, 1 - metrics.motp, metrics.idf1, metrics.id_precision, metrics.id_recall]
        mine += [metrics.precision, metrics.recall, metrics.counts.switches, metrics.counts.fragmentations]
        assert mine == pytest.approx(row[names].tolist()), name


def test_hota_and_identities_do_not_care_for_the_order_of_frames() -> None:
    frames = crowd(np.random.default_rng(2), 25, 5)
    _, plain = evaluate_tracks({"s": frames})
    _, turned = evaluate_tracks({"s": frames[::-1]})
    assert turned.hota.hota == pytest.approx(plain.hota.hota)
    assert turned.idf1 == plain.idf1


def test_without_truth_or_without_tracks() -> None:
    _, unseen = evaluate_tracks({"s": [frame({1: 0, 2: 100}, {})]})
    assert (unseen.mota, unseen.idf1, unseen.recall, unseen.hota.hota) == (0, 0, 0, 0)
    assert np.isnan([unseen.precision, unseen.motp]).all()
    _, alarms = evaluate_tracks({"s": [frame({}, {1: 0})]})
    assert (alarms.precision, alarms.hota.hota, alarms.counts.false_positives) == (0, 0, 1)
    assert np.isnan([alarms.mota, alarms.recall]).all()
    for frames in ([], [frame({}, {})]):
        _, empty = evaluate_tracks({"s": frames})
        assert np.isnan([empty.mota, empty.idf1, empty.hota.hota, empty.hota.localization]).all()
    # Nothing to judge adds nothing.
    _, both = evaluate_tracks({"s": [frame({1: 0}, {1: 0})], "t": []})
    assert (both.mota, both.hota.hota) == (1, 1)
    with pytest.raises(ValueError, match="no sequence to evaluate"):
        evaluate_tracks({})
    with pytest.raises(ValueError, match="IoU threshold 0, expected"):
        evaluate_tracks({"s": []}, iou_threshold=0)


def test_across_cameras_one_number_a_person_counts() -> None:
    sequences = {camera: [frame({1: 0, 2: 200}, {1: 0, 2: 200}) for _ in range(4)] for camera in "abcd"}
    whole = evaluate_across(sequences)
    assert (whole.idf1, whole.hota.hota, whole.people, whole.tracks) == (1, 1, 2, 2)
    alone = {
        camera: [frame({1: 0, 2: 200}, {2 * place: 0, 2 * place + 1: 200}) for _ in range(4)]
        for place, camera in enumerate("abcd")
    }
    assert evaluate_tracks(alone)[1].idf1 == 1
    apart = evaluate_across(alone)
    # Each person has one camera's 4 boxes of 16; each hit has TPA 4 of 16.
    assert apart.idf1 == pytest.approx(2 * 8 / 64)
    assert apart.hota.hota == pytest.approx(0.5)
    assert apart.tracks == 8


def test_people_to_ignore_take_their_boxes_with_them() -> None:
    judged = judged_frame(([1], at(0)), ([5, 6, 7], at(2, 100, 200)), people=at(101, 400))
    assert judged.ids.tolist() == [5, 7]
    # Who counts comes first where that makes the larger sum, and one box to ignore takes one found box only.
    judged = judged_frame(([1], at(0)), ([5, 6], at(1, 8)), people=at(7))
    assert judged.ids.tolist() == [5]
    judged = judged_frame(([], NOBODY), ([5, 6], at(1, 2)), people=at(0))
    assert judged.ids.tolist() == [6]
    assert judged_frame(([], NOBODY), ([5], at(21)), people=at(0)).ids.tolist() == [5]  # 19 of 61 shared
    assert judged_frame(([1], at(0)), ([], NOBODY), people=at(0)).true_ids.tolist() == [1]
    # An identity that stands twice in the truth: the first box is the person, the second nobody knows.
    judged = judged_frame(([1, 1], at(0, 300)), ([5, 6], at(0, 300)))
    assert (judged.true_ids.tolist(), judged.ids.tolist()) == ([1], [5])


def test_regions_to_ignore_take_every_box_inside_that_is_nobody() -> None:
    region = np.array([[0, 0, 150, 300]], dtype=np.float32)
    judged = judged_frame(([1], at(0)), ([5, 6, 7, 8, 9], at(4, 60, 129, 131, 400)), regions=region)
    assert judged.ids.tolist() == [5, 8, 9]
    assert judged_frame(([], NOBODY), ([], NOBODY), regions=region).ids.tolist() == []


def test_what_a_frame_refuses() -> None:
    with pytest.raises(ValueError, match="track 4 occurs twice in one frame"):
        TrackedFrame([1], at(0), [4, 4], at(0, 100))
    with pytest.raises(ValueError, match="identity 1 occurs twice"):
        TrackedFrame([1, 1], at(0, 9), [4], at(0))
    with pytest.raises(ValueError, match="ids of 1 and boxes of 2"):
        TrackedFrame([1], at(0), [4], at(0, 100))
