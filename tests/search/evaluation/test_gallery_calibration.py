"""A gallery's own calibration: what is learned, when, where it lies, and that searches use it."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from asking import look_for, similarity
from blob_scenes import PEOPLE, BlobModel, scene, write

from datasets.samples import Frame
from detection.detections import Detections
from reid.ranking.open_set import VerdictThresholds
from search.evaluation.gallery_calibration import calibrate_gallery, learn_after_indexing
from search.gallery.description import GalleryDescription
from search.gallery.footage import Footage
from search.gallery.gallery import Gallery
from search.models.embedded_by import EmbeddedBy
from search.pipeline import PersonSearch
from search.query.calibration_files import StoredCalibrations, gallery_calibrations, store_gallery_calibrations
from search.query.ranking import Ranking
from search.query.rates import VerdictRates
from search.query.verdict import Calibration, LabelledData
from tools.main import main

GROUP, STEPS = 5, 6
PLAIN = EmbeddedBy("weights")


def add_crowd(gallery: Gallery, groups: range, *, camera: str | None = "gate") -> None:
    """Groups of people who walk past side by side, a group every minute, in noisy embeddings."""
    described = gallery.description
    left = 12.0 * np.arange(GROUP)
    boxes = torch.from_numpy(np.stack([left, 0 * left, left + 9, 0 * left + 20], axis=1)).float()
    for group in groups:
        random = np.random.default_rng(group)
        people = random.standard_normal((2, GROUP, 8))
        for step in range(STEPS):
            first, second = people + 0.2 * random.standard_normal((2, GROUP, 8))
            frame = Frame(f"{group:03d}_{step}.jpg", np.zeros((24, 64, 3), np.uint8), camera, 60.0 * group + step)
            found = Detections(boxes, torch.ones(GROUP), torch.from_numpy(first).float())
            gallery.add(frame, found, second_embeddings=None if described.second_dim is None else second)
    gallery.flush()


def new_gallery(folder: Path, by: EmbeddedBy = PLAIN) -> Gallery:
    return Gallery.create(folder, GalleryDescription(8, by, None if by.second_stage is None else 8))


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learned") / "people"
    with new_gallery(folder, EmbeddedBy("weights", "crops")) as gallery:
        add_crowd(gallery, range(12))
    return folder


def test_both_similarities_are_learned_and_said(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "--from-gallery", str(people), "--match-rate", "0.02"]) == 0
    printed = capsys.readouterr().out
    assert (
        "joint model alone: learned without labels from 1,440 pairs of people side by side in one frame; 2 %" in printed
    )
    assert "both stages: learned without labels" in printed
    assert f"stored: {people / 'calibration.json'}" in printed
    first, both = gallery_calibrations(people).calibrations
    assert (first.embedded_by, both.embedded_by) == (EmbeddedBy("weights"), EmbeddedBy("weights", "crops"))
    assert first.data == LabelledData("this gallery", sightings=360, footage=Footage(("gate at 64x24",)), pairs=1440)
    for one in (first, both):
        assert one.thresholds.sizes[-3:] == (360, 3600, 36_000)
        assert one.interval[0].match[0] < one.thresholds.match[0] < one.interval[1].match[0]
    verdict = first.judge(0.2, 360)
    assert verdict.meaning().startswith("This does not say that the person is absent: nobody measured how often")
    assert "This was learned without labels: nine times in ten the right limits lie from 0." in verdict.meaning()
    assert verdict.meaning().endswith("Measured on this gallery: 1,440 pairs of people side by side in one frame.")
    ends = json.loads(json.dumps(verdict.to_dict()))["interval"]
    assert ends["match_from"][0] < verdict.thresholds.match < ends["match_from"][1]


def test_a_share_of_pairs_has_one_threshold_for_all_galleries(people: Path) -> None:
    with Gallery.open(people) as gallery:
        rates = VerdictRates(0.01, 0.1, "pairs")
        learned = calibrate_gallery(gallery, rates, Ranking(0.3))[-1].calibration
    assert len(set(learned.thresholds.match)) == len(set(learned.interval[0].possible)) == 1
    assert (learned.rate_of, learned.ranking.second_weight) == ("pairs", 0.3)


def test_of_a_large_gallery_stretches_of_frames_are_drawn(people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.evaluation.gallery_calibration.STRETCH", STEPS)
    monkeypatch.setattr("search.evaluation.gallery_calibration.MOST_SIGHTINGS", 310)
    with Gallery.open(people) as gallery:
        drawn, again = (calibrate_gallery(gallery, seed=0)[0] for _ in range(2))
    # A group of five, ten pairs of walks in six frames, is drawn as a whole or not at all.
    assert drawn.strangers.pairs_of_walks == 100
    assert drawn.calibration.data.pairs == 100 * 2 * STEPS
    assert drawn.calibration == again.calibration


def test_indexing_learns_once_and_again_when_the_gallery_has_grown(tmp_path: Path) -> None:
    with new_gallery(tmp_path / "people") as gallery:
        add_crowd(gallery, range(3))
        assert "no verdicts learned from this footage: gallery" in learn_after_indexing(gallery)
        assert not (tmp_path / "people" / "calibration.json").exists()
        add_crowd(gallery, range(3, 12))
        line = learn_after_indexing(gallery)
        assert line.startswith(
            "verdicts learned from 1,440 pairs of people side by side in one frame, without labels: "
        )
        assert learn_after_indexing(gallery) == ""
        add_crowd(gallery, range(12, 13))
        assert learn_after_indexing(gallery) == ""
        add_crowd(gallery, range(13, 14))
        assert "learned from 1,680 pairs" in learn_after_indexing(gallery)
        add_crowd(gallery, range(14, 15), camera=None)
        assert "learned from 1,800 pairs" in learn_after_indexing(gallery)
        (tmp_path / "people" / "calibration.json").write_text("{")
        assert "is damaged" in learn_after_indexing(gallery)


def test_what_cannot_be_learned_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_gallery(tmp_path / "few").close()
    new_gallery(tmp_path / "averaged", EmbeddedBy("weights", tracklet_blend=0.5)).close()
    for words, line in (
        (
            ["--from-gallery", str(tmp_path / "few")],
            "shows 0 pairs of people side by side in one frame, of whom the detector is sure, expected 1,000",
        ),
        (["--from-gallery", str(tmp_path / "averaged")], "holds averages of tracklets, expected single sightings"),
        (["--from-gallery", str(tmp_path / "few"), "--class-weighted"], "leave --class-weighted out"),
        (["--from-gallery", str(tmp_path / "few"), "--report", str(tmp_path)], "--from-gallery has none"),
        (["--from-gallery", str(tmp_path / "few"), "--measure", "calibration.json"], "--from-gallery has none"),
        (["--from-gallery", str(tmp_path / "few"), "--model", "other"], "--model is other, but --from-gallery takes"),
        (["--from-gallery", str(tmp_path / "few"), "--tracklets"], "--tracklets is True, but --from-gallery takes"),
        (["--from-gallery", str(tmp_path / "few"), "--probes", "all"], "--probes is all, but --from-gallery takes"),
        (["--from-gallery", str(tmp_path)], "no gallery at "),
        (["--from-gallery"], "ROOT is missing"),
    ):
        assert main(["calibrate", *words]) == 2
        assert line in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_search_without_labels_follows_what_the_gallery_taught(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / "footage" / "gate" / f"{number}.png", scene([0, 1], number))
    labelled = Footage(("gate at 160x120",))
    thresholds = VerdictThresholds((1,), (0.99,), (0.9,))
    made = Calibration(
        *similarity("blobs").values(), thresholds, 0.01, 0.1, LabelledData("this gallery", footage=labelled, pairs=7)
    )
    search = PersonSearch(BlobModel(), device="cpu")
    crop = np.full((50, 18, 3), PEOPLE[0], dtype=np.uint8)
    with search.open_gallery(tmp_path / "people", create=True) as gallery:
        search.index(tmp_path / "footage", gallery)
        nothing = StoredCalibrations(tmp_path / "model.calibration.json")
        search.calibrations = nothing
        assert "has not been calibrated" in look_for(search, gallery, crop=crop).no_verdict
        store_gallery_calibrations(gallery.path, [made])
        assert look_for(search, gallery, crop=crop).verdict.calibration == made
        # What labels measured comes first, and a file that the user names is the only one that counts.
        measured = dataclasses.replace(made, data=dataclasses.replace(made.data, name="labels", pairs=0))
        search.calibrations = dataclasses.replace(nothing, calibrations=(measured,))
        assert look_for(search, gallery, crop=crop).verdict.calibration == measured
        search.calibrations = dataclasses.replace(nothing, asked_for=True)
        assert look_for(search, gallery, crop=crop).verdict is None
        search.calibrations = nothing
        write(tmp_path / "footage" / "roof" / "1.png", scene([2]))
        search.index(tmp_path / "footage", gallery)
        assert look_for(search, gallery, crop=crop).verdict is None
        assert look_for(search, gallery, crop=crop, cameras=["gate"]).verdict is not None
