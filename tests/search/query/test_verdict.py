"""Verdicts: their levels, their words, and the file beside the model that they come from."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from asking import ask, look_for, similarity
from blob_scenes import PEOPLE, BlobModel, scene, write
from test_results import sighting

from datasets.samples import Frame
from detection.detections import Detections
from reid.ranking.open_set import VerdictThresholds
from search.gallery.description import GalleryDescription
from search.gallery.footage import UNKNOWN_CAMERA, Footage
from search.gallery.gallery import Gallery
from search.models.embedded_by import EmbeddedBy
from search.models.noted_paths import weights_folder
from search.pages.find_page import find_page
from search.pipeline import PersonSearch
from search.query.calibration_files import (
    StoredCalibrations,
    calibration_file,
    named_calibrations,
    read_calibrations,
    store_calibrations,
    stored_calibrations,
)
from search.query.ranking import Ranking
from search.query.results import RankedSightings
from search.query.verdict import Calibration, LabelledData, LevelRates, MeasuredSize

RATES = MeasuredSize(1, LevelRates(0.01, 0.5, 0.4, 0.001), LevelRates(0.1, 0.8, 0.6, 0.02))
FOOTAGE = Footage((UNKNOWN_CAMERA, "gate at 160x120"))
DATA = LabelledData("square", 1480, 37, 2066, footage=FOOTAGE)


def calibration(**changes: object) -> Calibration:
    thresholds = VerdictThresholds((1, 10, 100), (0.5, 0.6, 0.75), (0.25, 0.375, 0.5))
    plain = Calibration(
        *similarity("weights").values(), thresholds, 0.01, 0.1, DATA,
        (RATES, dataclasses.replace(RATES, size=100)), (dataclasses.replace(RATES, size=50),),
    )  # fmt: skip
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def test_rates_are_of_probes_or_of_pairs() -> None:
    assert calibration(rate_of="pairs").rate_of == "pairs"
    with pytest.raises(ValueError, match=r"rates of 'people', expected one of"):
        calibration(rate_of="people")


@pytest.mark.parametrize(
    ("value", "level"),
    [(1.0, "match"), (0.75, "match"), (0.7499, "possible"), (0.5, "possible"), (0.4999, "no confident match")],
)
def test_a_threshold_belongs_to_its_level(value: float, level: str) -> None:
    verdict = calibration().judge(value, 100)
    assert verdict.level == level
    assert verdict.level_of(0.6) == "possible"
    assert calibration().judge(value, 1).headline().endswith("(1 comparison was made)")
    assert verdict.headline() == (
        f"{level}: the most similar sighting has a similarity of {value:.3f}; the limit is 0.750 for a match and "
        "0.500 for possible (100 comparisons were made)"
    )
    assert json.loads(json.dumps(verdict.to_dict()))["level"] == level


def test_the_same_similarity_is_less_in_a_larger_gallery() -> None:
    levels = [calibration().judge(0.55, size).level for size in (1, 10, 100, 10**6)]
    assert levels == ["match", "possible", "possible", "no confident match"]


def test_what_a_verdict_is_worth_is_said() -> None:
    verdict = calibration().judge(0.9, 100)
    assert verdict.meaning() == (
        "When a person is not in the footage, 1 % of searches say match and 10 % at least possible. In a test with "
        "other people who were not in the footage, 1 % of searches said match and 10 % at least possible, among 50 "
        "sightings. When the person is in the footage, their own best sighting is a match in 50 % of searches, and at "
        "least possible in 80 %. Measured on square: 1,480 searches for 37 people among 2,066 sightings."
    )
    assert verdict.doubts() == []
    assert "is in the footage" not in calibration(rates=()).judge(0.9, 100).meaning()
    assert (
        "their own best sighting is a match in fewer than 50 % of searches, and at least possible in fewer than 80 %."
        in calibration().judge(0.9, 101).meaning()
    )
    by_pairs = calibration(rate_of="pairs").judge(0.9, 101).meaning()
    assert by_pairs.startswith(
        "Of all pairs of sightings that show two different people, 1 % are called a match and 10 % at least possible. "
        "In a test with other people who were not in the footage, 1 % of searches said match and 10 % at least "
        "possible, "
    )
    assert "own best sighting is a match in 50 % of searches, and at least possible in 80 %." in by_pairs
    doubtful = calibration().judge(0.9, 101, probe_kind="crop", pictures=3)
    assert [line.split(",")[0] for line in doubtful.doubts()] == [
        "the limits are only estimated in a gallery as large as this: at most 100 sightings were measured",
        "you search by a picture of the person alone",
        "you search by 3 pictures",
    ]


def test_no_confident_match_claims_nothing() -> None:
    nothing = "This does not say that the person is absent: "
    below = calibration().judge(0.1, 100)
    missed = "of 100 searches for people who are there, their own sightings miss both limits"
    assert below.meaning().startswith(f"{nothing}in 20 {missed}. When a person is not")
    assert below.to_dict()["present_below_possible"] == pytest.approx(0.2)
    assert calibration().judge(0.1, 10**6).meaning().startswith(f"{nothing}in more than 20 {missed}")
    assert calibration(rate_of="pairs").judge(0.1, 10**6).meaning().startswith(f"{nothing}in 20 {missed}")
    unknown = LevelRates(0.1, math.nan, math.nan)
    for rates in ((), (MeasuredSize(1, unknown, unknown),)):
        unmeasured = calibration(rates=rates).judge(0.1, 100)
        assert unmeasured.meaning().startswith(
            f"{nothing}nobody measured how often the sightings of people who are there miss both limits. When"
        )
        assert unmeasured.to_dict()["present_below_possible"] is None
    assert nothing not in calibration().judge(0.6, 100).meaning()


def test_rates_near_a_size() -> None:
    one = calibration()
    assert [one.rates_near(size).size for size in (0, 1, 99, 100, 10**6)] == [1, 1, 1, 100, 100]
    assert calibration(rates=()).rates_near(5) is None


def test_a_file_gives_back_what_was_stored(tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"weights")
    nowhere = LevelRates(0.0, math.nan, math.nan)
    both = calibration(**similarity("weights", "crops", 0.7), held_out=(MeasuredSize(7, nowhere, RATES.possible),))
    file = store_calibrations(model, [calibration(), both])
    assert file == calibration_file(tmp_path) == calibration_file(model) == tmp_path / "model.calibration.json"
    first, second = read_calibrations(file)
    assert first == calibration()
    assert math.isnan(second.held_out[0].match.found)
    assert second.held_out[0].match.false_match is None
    assert dataclasses.replace(second, held_out=()) == dataclasses.replace(both, held_out=())
    assert model.read_bytes() == b"weights"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.calibration.json", "model.safetensors"]


def test_what_is_stored_for_a_shipped_model_leaves_the_package_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    shipped = weights_folder("detection") / "plaza.safetensors"
    beside = calibration_file(shipped).read_bytes()
    known = stored_calibrations(shipped).calibrations
    mine = dataclasses.replace(known[0], match_rate=0.05)
    file = store_calibrations(shipped, [mine])
    assert file == tmp_path / "personsearch" / "models" / "detection" / "plaza.calibration.json"
    assert calibration_file(shipped).read_bytes() == beside
    stored = stored_calibrations(shipped)
    assert stored.calibrations == (mine, *known)
    assert stored.of(mine.embedded_by, mine.ranking) == mine  # the user's own counts before the package's
    file.write_text("{")
    damaged = stored_calibrations(shipped)
    assert damaged.damage
    assert damaged.of(mine.embedded_by, mine.ranking) is None


def test_storing_again_replaces_only_the_same_similarity(tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    others = [calibration(**similarity("weights", "crops", share)) for share in (0.5, 0.8)]
    store_calibrations(model, [calibration(), *others])
    store_calibrations(model, [calibration(match_rate=0.05)])
    stored = stored_calibrations(model)
    assert len(stored.calibrations) == 3
    assert stored.of(**similarity("weights")).match_rate == 0.05
    assert stored.of(**similarity("weights", "crops", 0.5)) == others[0]
    for other, difference in (
        (similarity("others"), "with another model"),
        (similarity("weights", "crops", 0.6), "with --second-weight 0.5 instead of 0.6"),
        (similarity("weights", mirrored=True), "without --mirrored"),
        (similarity("weights", tracklet_blend=0.5), "without --tracklets"),
        (similarity("weights", weighted=True), "without --class-weighted"),
        (similarity("weights", "other crops", 0.5), "with another second stage"),
    ):
        assert stored.of(**other) is None
        line = stored.missing(**other)
        assert line == f"model.calibration.json was made for other searches than this one: {difference}"
    # Without a second stage its share does not matter; with one it does.
    assert stored.of(**similarity("weights", share=0.3)).match_rate == 0.05


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"format": "personsearch-calibration-9", "calibrations": []}',
        '{"format": "personsearch-calibration-1", "calibrations": [{}]}',
        '{"format": "personsearch-calibration-1", "calibrations": 3}',
    ],
)
def test_a_damaged_file_is_one_line_and_stops_no_search(tmp_path: Path, text: str) -> None:
    file = calibration_file(tmp_path)
    file.write_text(text)
    with pytest.raises(ValueError, match=r"calibration\.json is damaged .*; remove it and run") as caught:
        read_calibrations(file)
    assert "\n" not in str(caught.value)
    stored = stored_calibrations(tmp_path)
    assert stored.of(**similarity("weights")) is None
    assert stored.missing(**similarity("weights")) == str(caught.value)
    with pytest.raises(ValueError, match="damaged"):
        store_calibrations(tmp_path, [calibration()])
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("match_rate", 0.0),
        ("match_rate", 0.2),
        ("possible_rate", "much"),
        ("thresholds", {"sizes": [1], "match": [0.1], "possible": [0.2]}),
        ("thresholds", {"sizes": [1]}),
        ("ranked_by", {"weights": 1}),
        ("data", {"name": "square"}),
        ("rates", [{"size": 1}]),
        ("held_out", None),
    ],
)
def test_a_file_with_a_wrong_value_is_refused(tmp_path: Path, key: str, value: object) -> None:
    file = store_calibrations(tmp_path, [calibration()])
    content = json.loads(file.read_text())
    content["calibrations"][0][key] = value
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"calibration\.json is damaged"):
        read_calibrations(file)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    calibration_file(tmp_path).write_bytes(b"\xff\xfe\x00")
    assert "is damaged" in stored_calibrations(tmp_path).damage
    calibration_file(tmp_path).unlink()
    calibration_file(tmp_path).mkdir()
    assert stored_calibrations(tmp_path).damage


def stored(*calibrations: Calibration) -> StoredCalibrations:
    return StoredCalibrations(Path("model.calibration.json"), calibrations)


def judged(
    beside: StoredCalibrations,
    answer: RankedSightings = RankedSightings((), searched=10, best_similarity=0.7),  # noqa: B008 - frozen
    footage: Footage = Footage(("gate at 160x120",)),  # noqa: B008 - frozen
    **options: Any,
) -> RankedSightings:
    return beside.judged(answer, **similarity("weights"), footage=footage, **options)


def test_every_probe_of_several_is_compared_with_everybody() -> None:
    sizes = [judged(stored(calibration()), pictures=10, combine=combine).verdict.size for combine in ("mean", "max")]
    assert sizes == [10, 100]
    nobody = RankedSightings((), searched=0)
    assert judged(stored(calibration()), nobody) == nobody


def test_footage_that_was_not_calibrated_has_no_verdict_but_a_reason() -> None:
    gate, other = Footage(("gate at 160x120",)), Footage(("roof at 160x120",))
    rendered = Footage(gate.cameras, rendered=True)
    known = calibration(data=dataclasses.replace(DATA, footage=gate))
    assert judged(stored(known), footage=gate).verdict.doubts() == []
    elsewhere = "on other cameras than roof at 160x120, which filmed this gallery"
    told = {other: elsewhere, rendered: "on real footage, and this gallery holds rendered footage"}
    for footage, words in told.items():
        answer = judged(stored(known), footage=footage)
        assert answer.verdict is None
        assert answer.no_verdict == f"model.calibration.json was made {words}"
    # Who names the file has it, with the doubt, but not across the border of rendered and real.
    named = dataclasses.replace(stored(known), asked_for=True)
    asked = judged(named, footage=other).verdict
    assert asked.doubts() == [f"the calibration was made {elsewhere}"]
    assert asked.to_dict()["calibrated_footage"] == {"cameras": ("gate at 160x120",), "rendered": False}
    assert judged(named, footage=rendered).verdict is None
    old = calibration(data=LabelledData("square"))
    assert "by an earlier version, which did not say" in judged(stored(old), footage=gate).no_verdict
    assert judged(dataclasses.replace(stored(old), asked_for=True), footage=gate).verdict.doubts() != []
    assert json.loads(json.dumps(asked.to_dict()))["calibrated_on"] == "square"


def test_a_named_file_is_there_and_whole(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no calibration .*; name a file that"):
        named_calibrations(tmp_path / "model.calibration.json")
    assert named_calibrations(store_calibrations(tmp_path, [calibration()])).asked_for


def test_the_table_and_the_json_say_it_for_every_sighting() -> None:
    verdict = calibration().judge(0.8, 100)
    rows = [sighting(score=value, similarity=value) for value in (0.8, 0.6, 0.1)]
    answer = RankedSightings(tuple(rows), 100, 0.8, verdict)
    lines = answer.to_table().splitlines()
    assert lines[0].split()[-2:] == ["similarity", "verdict"]
    assert [line.split(maxsplit=6)[-1] for line in lines[2:]] == ["match", "possible", "-"]
    reranked = RankedSightings(tuple(dataclasses.replace(row, score=0.9) for row in rows), 100, 0.8, verdict)
    lines = reranked.to_table().splitlines()
    assert lines[0].split()[-3:] == ["score", "similarity", "verdict"]
    assert lines[3].split()[-3:] == ["0.900", "0.600", "possible"]
    content = json.loads(json.dumps(reranked.to_dict()))
    assert content["verdict"]["level"] == "match"
    assert [one["verdict"] for one in content["sightings"]] == ["match", "possible", "no confident match"]
    assert "verdict" not in RankedSightings(tuple(rows), 100).to_table()
    assert RankedSightings(tuple(rows), 100).to_dict()["verdict"] is None


def test_a_search_by_a_calibrated_model_has_a_verdict(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / "footage" / "gate" / f"{number}.png", scene([0, 1], number))
    made = calibration(**similarity("blobs"), thresholds=VerdictThresholds((1,), (0.99,), (0.9,)))
    search = PersonSearch(BlobModel(), device="cpu", calibrations=stored(made))
    with search.open_gallery(tmp_path / "people", create=True) as gallery:
        search.index(tmp_path / "footage", gallery)
        crops = [np.full((50, 18, 3), PEOPLE[person], dtype=np.uint8) for person in (0, 4)]
        there, absent = (look_for(search, gallery, crop=crop, limit=1, minimum_similarity=0.999) for crop in crops)
        assert there.verdict.level == "match"
        assert there.verdict.probe_kind == "crop"
        assert there.level_of(there[0]) == "match"
        # Nothing passes the least score, and the verdict still knows the best of all.
        assert len(absent) == 0
        assert absent.verdict.level == "no confident match"
        assert absent.verdict.similarity == absent.best_similarity
        (tmp_path / "there.html").write_text(find_page(there, gallery, crops[0]), encoding="utf-8")
        (tmp_path / "absent.html").write_text(
            find_page(search.find(gallery, crop=crops[1]), gallery, crops[1]), encoding="utf-8"
        )
        search.calibrations = stored(calibration())
        uncalibrated = look_for(search, gallery, crop=crops[0])
        assert uncalibrated.verdict is None
        assert uncalibrated.no_verdict == (
            "model.calibration.json was made for other searches than this one: with another model"
        )
        (tmp_path / "none.html").write_text(find_page(uncalibrated, gallery, crops[0]), encoding="utf-8")
        search.calibrations = None
        assert look_for(search, gallery, crop=crops[0]).no_verdict == ""
    page = (tmp_path / "there.html").read_text(encoding="utf-8")
    assert '<div class="chip match">match' in page
    assert there.verdict.headline() in page
    page = (tmp_path / "absent.html").read_text(encoding="utf-8")
    assert '<p class="level">No confident match</p>' in page
    assert '<div class="chip' not in page
    assert '<article class="card"' in page
    page = (tmp_path / "none.html").read_text(encoding="utf-8")
    assert uncalibrated.no_verdict in page
    assert "chip" not in page.split("</style>")[1]


def test_a_reranked_order_keeps_the_similarity_of_both_stages(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    first, second = (random.standard_normal((60, width)) for width in (6, 5))
    first, second = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (first, second))
    gallery = Gallery.create(tmp_path / "g", GalleryDescription(6, EmbeddedBy("a", "b"), 5))
    image = np.zeros((20, 20, 3), np.uint8)
    for row in range(60):
        found = Detections([[0, 0, 9, 9]], [1], torch.from_numpy(first[row : row + 1]).float())
        gallery.add(Frame(f"{row:02d}", image), found, second_embeddings=second[row : row + 1])
    looks = {"second_embeddings": second[7] + 0.2, "limit": 10}
    probes = first[7] + 0.2, second[7] + 0.2
    probes = tuple(probe / np.linalg.norm(probe) for probe in probes)
    both = 0.7 * first @ probes[0] + 0.3 * second @ probes[1]
    for rerank in (False, True):
        answer = ask(gallery, first[7] + 0.2, ranking=Ranking(0.3, 50, rerank=rerank), **looks)
        assert [one.similarity for one in answer] == pytest.approx([both[int(one.frame)] for one in answer], abs=1e-6)
        assert answer.best_similarity == pytest.approx(both.max(), abs=1e-6)
        assert (answer[0].score == answer[0].similarity) != rerank
    plain = ask(gallery, first[7], minimum_similarity=2.0)
    assert len(plain) == 0
    assert plain.best_similarity == pytest.approx(1.0)
