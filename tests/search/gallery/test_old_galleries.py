"""Galleries and calibrations that the version before `EmbeddedBy` wrote: they are read, and answer as they did."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import ask, similarity

from search.gallery.description import GalleryDescription, read_description
from search.gallery.gallery import Gallery
from search.models.embedded_by import EmbeddedBy
from search.query.calibration_files import calibration_file, read_calibrations, store_calibrations, stored_calibrations
from search.query.ranking import Ranking

MODEL, CROPS = "0123456789abcdef", "fedcba9876543210"
OLD = Path(__file__).resolve().parents[1] / "old"
WRITTEN = json.loads((OLD / "answers.json").read_text(encoding="utf-8"))


@pytest.fixture
def galleries(tmp_path: Path) -> Path:
    """A plain one, and one of two stages, mirrored and averaged over tracklets; two frames with three people each."""
    with zipfile.ZipFile(OLD / "galleries.zip") as archive:
        archive.extractall(tmp_path)
    return tmp_path


def as_written(answer: Any, name: str) -> None:
    """What a gallery answers now is what the version that wrote it answered."""
    expected = WRITTEN["answers"][name]
    assert json.loads(json.dumps(answer.to_dict())) == expected
    assert expected["sightings"]


def test_old_galleries_say_what_made_them(galleries: Path) -> None:
    assert read_description(galleries / "plain") == GalleryDescription(4, EmbeddedBy(MODEL))
    made = EmbeddedBy(MODEL, CROPS, mirrored=True, tracklet_blend=0.5)
    assert read_description(galleries / "two_stages") == GalleryDescription(4, made, 3)


def test_old_galleries_answer_as_they_did(galleries: Path) -> None:
    probe, second = np.array(WRITTEN["probe"]), np.array(WRITTEN["second"])
    plain, both = Gallery.open(galleries / "plain"), Gallery.open(galleries / "two_stages")
    as_written(ask(plain, probe, after=0, limit=5), "plain")
    weighted, reranked = Ranking(0.6, 4, class_weighted=True), Ranking(0.6, 4, rerank=True)
    as_written(ask(both, probe, second_embeddings=second, ranking=weighted), "two_stages")
    as_written(ask(both, probe, second_embeddings=second, ranking=reranked, cameras="c1"), "reranked")


def test_only_the_models_that_made_an_old_gallery_open_it(galleries: Path) -> None:
    own = read_description(galleries / "two_stages")
    Gallery.open_or_create(galleries / "two_stages", own)
    Gallery.open(galleries / "two_stages", own.first_stage())
    for other, message in (
        (EmbeddedBy(MODEL, CROPS, tracklet_blend=0.5), "was indexed with --mirrored"),
        (EmbeddedBy(MODEL, CROPS, mirrored=True), "was indexed with --tracklets and --tracklet-blend 0.5"),
        (EmbeddedBy(CROPS, CROPS, mirrored=True, tracklet_blend=0.5), "another model"),
    ):
        with pytest.raises(ValueError, match=message):
            Gallery.open_or_create(galleries / "two_stages", GalleryDescription(4, other, 3))


def test_old_calibrations_are_converted_and_kept_beside_new_ones(tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    file = calibration_file(model)
    file.write_bytes((OLD / "model.calibration.json").read_bytes())
    old = read_calibrations(file)
    expected = [
        similarity(MODEL),
        similarity(MODEL, weighted=True),
        similarity(MODEL, CROPS, 0.6, mirrored=True, tracklet_blend=0.5),
    ]
    assert [{"embedded_by": one.embedded_by, "ranking": one.ranking} for one in old] == expected
    assert old[0].thresholds.match == (0.6, 0.7)
    assert (old[0].match_rate, old[0].possible_rate, old[0].data.probes) == (0.01, 0.1, 20)
    store_calibrations(model, [old[0]])
    assert stored_calibrations(model).calibrations == (old[1], old[2], old[0])
    assert "ranked_by" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embedded_by": {}}, "model is None, expected a fingerprint"),
        ({"embedded_by": {"model": "a", "color": 1}}, "unknown field 'color'"),
        ({"embedded_by": []}, "lacks one of"),
        ({"files": {"detectors": "coco"}}, "unknown field 'detectors'"),
        ({"second_dim": 3}, "the second stage has a width or a fingerprint, but not the other one"),
    ],
)
def test_a_damaged_description_is_one_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    Gallery.create(tmp_path / "people", GalleryDescription(4, EmbeddedBy(MODEL)))
    file = tmp_path / "people" / "gallery.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(ValueError, match=message) as caught:
        Gallery.open(tmp_path / "people")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("table", ["sightings", "frames"])
@pytest.mark.parametrize("part", ["data", "_versions"])
def test_a_lost_file_is_one_line_with_the_way_to_repair(galleries: Path, table: str, part: str) -> None:
    for file in (galleries / "plain" / "tables" / f"{table}.lance" / part).iterdir():
        file.unlink()
    with pytest.raises(OSError, match=r"gallery .*plain is damaged: .*; `personsearch gallery repair") as caught:
        ask(Gallery.open(galleries / "plain"), np.ones(4), cameras="c1", after=1)
    assert "\n" not in str(caught.value)
    # The engine's own words, and where it was built, help nobody.
    assert ".cargo" not in str(caught.value)
    assert part != "data" or f"the file {galleries}/plain/tables/{table}.lance/data/" in str(caught.value)
