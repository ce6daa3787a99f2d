"""The gallery: durable, idempotent, resumable, exact."""

import json
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from asking import ask
from numpy.typing import NDArray

from datasets.samples import Frame
from detection.detections import Detections
from search.gallery import gallery as gallery_module
from search.gallery import upkeep as gallery_upkeep
from search.gallery.description import GalleryDescription
from search.gallery.gallery import Gallery
from search.models.embedded_by import EmbeddedBy

DIM = 16
MODEL = GalleryDescription(DIM, EmbeddedBy("weights-1"))
IMAGE = np.full((90, 160, 3), 120, dtype=np.uint8)


def unit(count: int, seed: int = 0) -> NDArray[np.float32]:
    values = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True), dtype=np.float32)


def found(embeddings: NDArray[np.float32]) -> Detections:
    """Detections in a row of boxes."""
    left = 10.0 * np.arange(len(embeddings))[:, None]
    boxes = np.hstack([left, np.full_like(left, 20), left + 12, np.full_like(left, 60)])
    return Detections(torch.as_tensor(boxes), torch.full((len(boxes),), 0.9), torch.as_tensor(embeddings))


def fill(gallery: Gallery, embeddings: NDArray[np.float32], people: int = 4, source: str = "clip") -> None:
    """Frames of `people` sightings; cameras c0..c2 in turn, one frame each ten seconds."""
    for row in range(0, len(embeddings), people):
        number = row // people
        frame = Frame(f"{number:04d}.jpg", IMAGE, f"c{number % 3}", 10.0 * number)
        gallery.add(frame, found(embeddings[row : row + people]), source=source)


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return Gallery.create(tmp_path / "people", MODEL)


def test_round_trip_of_every_field(gallery: Gallery, tmp_path: Path) -> None:
    embeddings = unit(2)
    image = np.zeros((120, 200, 3), dtype=np.uint8)
    image[10:110, 20:70] = (250, 40, 10)
    detections = Detections([[20, 10, 70, 110], [150.5, 60, 260, 100]], [0.75, 0.5], embeddings)
    with gallery:
        gallery.add(Frame("a/1.jpg", image, 7, 1.7e9), detections, source="square", location="/footage/a/1.jpg")
    best, other = ask(Gallery.open(tmp_path / "people", MODEL), embeddings[0])
    assert (best.frame, best.index, best.source, best.id) == ("a/1.jpg", 0, "square", "a/1.jpg#0")
    assert (best.camera, best.timestamp, best.location) == ("7", 1.7e9, "/footage/a/1.jpg")
    assert best.box == (20, 10, 70, 110)
    assert other.box == (150.5, 60, 260, 100)
    assert (best.frame_width, best.frame_height) == (200, 120)
    assert best.detection_score == pytest.approx(0.75)
    assert best.score == pytest.approx(1.0, abs=1e-6)
    assert other.score == pytest.approx(float(embeddings[0] @ embeddings[1]), abs=1e-6)
    cutout = cv2.imdecode(np.frombuffer(gallery.cutout(best.cutout) or b"", np.uint8), cv2.IMREAD_COLOR_RGB)
    assert cutout is not None
    assert cutout.shape == (100, 50, 3)
    assert np.abs(cutout.mean(axis=(0, 1)) - (250, 40, 10)).max() < 6


@pytest.mark.parametrize("limit", [1, 7, 50, 1000])
def test_ranking_is_that_of_brute_force(gallery: Gallery, limit: int) -> None:
    embeddings, probe = unit(600), unit(1, seed=5)[0]
    fill(gallery, embeddings)
    answer = ask(gallery, probe * 3.0, limit=limit)  # any length of probe
    scores = embeddings.astype(np.float64) @ probe
    expected = np.argsort(-scores, kind="stable")[:limit]
    assert [int(one.frame[:4]) * 4 + one.index for one in answer] == expected.tolist()
    np.testing.assert_allclose([one.score for one in answer], scores[expected], atol=1e-6)
    assert answer.searched == 600


def test_filters_by_camera_and_time(gallery: Gallery) -> None:
    embeddings, probe = unit(240), unit(1, seed=5)[0]
    fill(gallery, embeddings)
    gallery.add(Frame("no time, no camera.jpg", IMAGE), found(unit(1, seed=9)), source="clip")
    number = np.arange(240) // 4
    scores = embeddings @ probe
    keep = np.isin(number % 3, [0, 2]) & (number >= 10) & (number < 30)
    answer = ask(gallery, probe, limit=500, cameras=["c0", "c2"], after=100.0, before=300.0)
    rows = [int(one.frame[:4]) * 4 + one.index for one in answer]
    assert rows == [row for row in np.argsort(-scores) if keep[row]]
    assert answer.searched == keep.sum()
    assert {one.camera for one in ask(gallery, probe, cameras="c1")} == {"c1"}
    surer = ask(gallery, probe, limit=500, minimum_similarity=0.3)
    assert len(surer) == int((np.append(scores, unit(1, seed=9)[0] @ probe) >= 0.3).sum())
    assert "0003.jpg" not in {one.frame for one in ask(gallery, probe, limit=500, exclude_frame="0003.jpg")}
    elsewhere = ask(gallery, probe, limit=500, exclude_frame="0003.jpg", exclude_source="another source")
    assert "0003.jpg" in {one.frame for one in elsewhere}


def test_a_time_that_the_gallery_cannot_know_is_refused(gallery: Gallery, tmp_path: Path) -> None:
    probe = unit(1)[0]
    assert len(ask(gallery, probe, after=1.7e9)) == 0  # nothing indexed yet is no mistake
    fill(gallery, unit(8))  # 0 and 10 seconds from the start
    for filters in ({"after": 1.7e9}, {"before": 1.7e9}, {"after": 5.0, "before": 1.7e9}):
        with pytest.raises(ValueError, match=r"times from 00:00:00 to 00:00:10 since the start .*--start-time"):
            ask(gallery, probe, **filters)  # type: ignore[arg-type]
    assert len(ask(gallery, probe, after=5.0)) == 4
    gallery.add(Frame("clock.jpg", IMAGE, "c0", 1.7e9), found(unit(1)))
    assert len(ask(gallery, probe, after=1.6e9)) == 1
    timeless = Gallery.create(tmp_path / "timeless", MODEL)
    timeless.add(Frame("a.jpg", IMAGE), found(unit(1)))
    for after in (5.0, 1.7e9):
        with pytest.raises(ValueError, match=r"has no times to choose by; .*--start-time"):
            ask(timeless, probe, after=after)
    assert len(ask(timeless, probe)) == 1


def test_ties_are_ordered_and_cut_alike_every_time(tmp_path: Path) -> None:
    same = np.repeat(unit(1), 300, axis=0)
    answers = []
    for attempt, order in enumerate((range(300), reversed(range(300)))):
        gallery = Gallery.create(tmp_path / str(attempt), MODEL)
        for number in order:
            gallery.add(Frame(f"{number:04d}.jpg", IMAGE), found(same[number : number + 1]))
        answers.append([one.frame for one in ask(gallery, same[0], limit=20)])
    assert answers[0] == answers[1] == [f"{number:04d}.jpg" for number in range(20)]


def test_several_probes(gallery: Gallery) -> None:
    embeddings, probes = unit(400), unit(3, seed=5)
    fill(gallery, embeddings)
    mean = ask(gallery, torch.from_numpy(probes), limit=30)
    direction = probes.mean(axis=0) / np.linalg.norm(probes.mean(axis=0))
    for answer, scores in (
        (mean, embeddings @ direction),
        (ask(gallery, probes, limit=30, combine="max"), (embeddings @ probes.T).max(axis=1)),
    ):
        rows = [int(one.frame[:4]) * 4 + one.index for one in answer]
        assert rows == np.argsort(-scores)[:30].tolist()
        np.testing.assert_allclose([one.score for one in answer], scores[rows], atol=1e-6)


def test_indexing_a_frame_again_replaces_it(gallery: Gallery) -> None:
    fill(gallery, unit(40))
    gallery.flush()
    fill(gallery, unit(40))
    gallery.flush()
    assert len(gallery) == 40
    assert gallery.summary().frames == 10
    frame = Frame("0002.jpg", IMAGE, "c2", 20.0)
    newer = unit(1, seed=3)
    gallery.add(frame, found(unit(4, seed=2)), source="clip")
    gallery.add(frame, found(newer), source="clip")  # the last one counts, also within one flush
    assert gallery.flush() == 1
    assert len(gallery) == 37
    assert [one.id for one in ask(gallery, newer[0], minimum_similarity=0.999)] == ["0002.jpg#0"]
    gallery.add(frame, found(unit(0)), source="clip")  # nobody there any more
    gallery.flush()
    assert len(gallery) == 36
    assert gallery.is_done("0002.jpg", source="clip")


def test_the_same_frame_name_in_two_sources_is_two_frames(gallery: Gallery) -> None:
    fill(gallery, unit(8), source="north")
    fill(gallery, unit(8, seed=1), source="south")
    gallery.flush()
    assert len(gallery) == 16
    assert gallery.summary().frames == 4
    assert gallery.is_done("0001.jpg", source="south")
    assert not gallery.is_done("0001.jpg")


def test_frames_without_people_are_done_too(gallery: Gallery, tmp_path: Path) -> None:
    assert not gallery.is_done("empty.jpg")
    gallery.add(Frame("empty.jpg", IMAGE, "c9", 5.0), Detections(torch.zeros(0, 4), torch.zeros(0)))
    assert gallery.is_done("empty.jpg")
    assert gallery.flush() == 0
    again = Gallery.open(tmp_path / "people")
    assert again.is_done("empty.jpg")
    assert not again.is_done("other.jpg")
    assert again.cameras() == ("c9",)
    assert again.time_span() == (5.0, 5.0)
    assert len(again) == 0


def test_empty_gallery(gallery: Gallery) -> None:
    answer = ask(gallery, unit(1)[0], cameras=["c1"], after=3)
    assert len(answer) == 0
    assert answer.searched == 0
    assert gallery.cameras() == ()
    assert gallery.time_span() is None
    assert gallery.summary().sightings == 0


def test_search_sees_what_is_not_flushed_yet(gallery: Gallery) -> None:
    fill(gallery, unit(4))
    assert len(ask(gallery, unit(4)[1])) == 4


def test_detections_come_back_as_the_detector_gave_them(gallery: Gallery) -> None:
    embeddings = unit(12)
    fill(gallery, embeddings[::-1].copy(), source="north")
    gallery.add(Frame("nobody.jpg", IMAGE), found(unit(0)), source="north")
    back = gallery.detections()
    assert list(back) == ["0000.jpg", "0001.jpg", "0002.jpg", "nobody.jpg"]
    assert len(back["nobody.jpg"]) == 0
    wanted = found(embeddings[::-1][4:8].copy())
    assert torch.equal(back["0001.jpg"].boxes, wanted.boxes)
    assert torch.equal(back["0001.jpg"].scores, wanted.scores)
    assert back["0001.jpg"].embeddings is not None
    torch.testing.assert_close(back["0001.jpg"].embeddings, wanted.embeddings)
    fill(gallery, embeddings, source="it's south")
    with pytest.raises(ValueError, match="frames of the same name"):
        gallery.detections()
    assert len(gallery.detections(source="it's south")) == 3
    assert gallery.detections(source="elsewhere") == {}


def test_flushes_by_itself(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery_module, "FLUSH_ROWS", 10)
    monkeypatch.setattr(gallery_upkeep, "MOST_PIECES", 2)
    monkeypatch.setattr(gallery_upkeep, "MOST_PIECES_CLOSED", 0)
    monkeypatch.setattr(gallery_upkeep, "SCALAR_INDEX_ROWS", 20)
    fill(gallery, unit(92))
    assert len(gallery) == 84  # 23 frames of 4: flushed every third
    assert gallery_upkeep.small_pieces(gallery._sightings) <= 4
    gallery.close()
    assert gallery_upkeep.small_pieces(gallery._sightings) == 1
    assert len(gallery) == 92
    with_index = ask(gallery, unit(92)[0], cameras=["c0"], after=50, limit=100)
    assert with_index.searched == 24
    assert all(one.camera == "c0" for one in with_index)


NAMES = [
    'o\'brien "x"',
    "x' OR '1'='1",
    "back\\slash\\'",
    "ünïcode 名前 🚶",
    "line\nbreak\ttab",
    "; DROP TABLE --",
    "%_",
    "",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_data_never_sql(gallery: Gallery, name: str) -> None:
    fill(gallery, unit(8))
    gallery.add(Frame(name, IMAGE, name, 1.0), found(unit(1, seed=7)), source=name)
    gallery.flush()
    gallery.add(Frame(name, IMAGE, name, 1.0), found(unit(1, seed=7)), source=name)
    gallery.flush()
    camera = name or None  # no text is no camera
    only = ask(gallery, unit(1, seed=7), cameras=None if camera is None else [camera], after=1.0, before=1.5)
    only = [one for one in only if one.frame == name]
    assert [(one.frame, one.camera, one.source) for one in only] == [(name, camera, name)]
    assert len(gallery) == 9
    assert gallery.is_done(name, source=name)
    assert len(ask(gallery, unit(1, seed=7), exclude_frame=name)) == 8


def test_embeddings_are_scaled_to_unit_length(gallery: Gallery) -> None:
    fill(gallery, unit(4) * np.array([[0.1], [5], [100], [1]], dtype=np.float32))
    assert ask(gallery, unit(4)[2])[0].score == pytest.approx(1.0, abs=1e-6)


def test_sightings_of_a_frame_that_was_not_marked_done_are_replaced(gallery: Gallery, tmp_path: Path) -> None:
    fill(gallery, unit(40))
    gallery.flush()
    gallery._frames.delete("true")  # what a crash between the two tables leaves
    again = Gallery.open(tmp_path / "people")
    assert not again.is_done("0000.jpg", source="clip")
    fill(again, unit(30, seed=1), people=3)
    again.flush()
    assert len(again) == 30
    assert again.is_done("0000.jpg", source="clip")


def test_a_passing_write_error_is_retried_and_a_lasting_one_keeps_the_rows(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = gallery_module.upsert, [2]

    def unsteady(*arguments: object, **options: object) -> None:
        if failures[0]:
            failures[0] -= 1
            raise RuntimeError("lance error: commit conflict\nwith a second line")
        real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(gallery_module, "upsert", unsteady)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    fill(gallery, unit(8))
    assert gallery.flush() == 8
    fill(gallery, unit(4), source="second")
    failures[0] = 10**6
    with pytest.raises(OSError, match="could not be written, 5 attempts: lance error: commit conflict; check") as error:
        gallery.flush()
    assert "\n" not in str(error.value)
    failures[0] = 0
    assert gallery.flush() == 4
    assert len(gallery) == 12


def test_a_gallery_of_another_model_or_width_is_refused(gallery: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "people"
    for other in (GalleryDescription(8, EmbeddedBy("weights-1")), GalleryDescription(DIM, EmbeddedBy("weights-2"))):
        for opened in (Gallery.open, Gallery.open_or_create):
            with pytest.raises(ValueError, match="indexed with another model than the one given: their weights differ"):
                opened(path, other)
    with pytest.raises(ValueError, match="this one holds nothing yet and may be removed"):
        Gallery.open_or_create(path, GalleryDescription(DIM, EmbeddedBy("weights-2")))
    with pytest.raises(FileExistsError, match="is a gallery already"):
        Gallery.create(path, MODEL)
    assert Gallery.open_or_create(path, MODEL).description == MODEL


def test_paths_that_are_no_gallery(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no gallery at .*personsearch index"):
        Gallery.open(tmp_path / "nowhere")
    file = tmp_path / "file.txt"
    file.write_text("text")
    with pytest.raises(FileNotFoundError, match="no gallery at"):
        Gallery.open(file)
    with pytest.raises(FileExistsError, match="is a file"):
        Gallery.create(file, MODEL)
    with pytest.raises(ValueError, match="embedding width 0"):
        Gallery.create(tmp_path / "zero", GalleryDescription(0, EmbeddedBy("x")))


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "damaged"), ("[]", "lacks one of"), ('{"format": 1}', "lacks one of"), (None, "has format 99")],
)
def test_damaged_description(gallery: Gallery, tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "people" / "gallery.json"
    file.write_text(text or json.dumps({**json.loads(file.read_text()), "format": 99}))
    with pytest.raises(ValueError, match=message):
        Gallery.open(tmp_path / "people")


def test_a_folder_that_lost_its_description_is_not_overwritten(gallery: Gallery, tmp_path: Path) -> None:
    fill(gallery, unit(4))
    gallery.flush()
    (tmp_path / "people" / "gallery.json").unlink()
    with pytest.raises(FileExistsError, match=r"holds tables but no gallery\.json"):
        Gallery.create(tmp_path / "people", MODEL)


def test_bad_detections(gallery: Gallery) -> None:
    frame = Frame("a.jpg", IMAGE)
    box = torch.tensor([[0.0, 0, 9, 9]])
    for embeddings, message in (
        (None, "without embeddings"),
        (torch.ones(1, 8), "width 16"),
        (torch.zeros(1, DIM), "not finite or zero"),
        (torch.full((1, DIM), float("nan")), "not finite or zero"),
    ):
        with pytest.raises(ValueError, match=f"frame a.jpg.*{message}"):
            gallery.add(frame, Detections(box, torch.ones(1), embeddings))
    assert not gallery.is_done("a.jpg")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, "limit 0"),
        ({"combine": "median"}, "combine 'median'"),
        ({"cameras": []}, "names no camera"),
        ({"cameras": ["c1", "north gate"]}, "camera 'north gate' is not in gallery .*c0, c1, c2"),
        ({"after": 5.0, "before": 5.0}, "nothing can lie between"),
        ({"after": float("nan")}, "after is nan"),
    ],
)
def test_bad_questions(gallery: Gallery, options: dict[str, object], message: str) -> None:
    fill(gallery, unit(12))
    with pytest.raises(ValueError, match=message):
        ask(gallery, unit(1)[0], **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("probe", [np.ones(8), np.zeros(DIM), np.full(DIM, np.inf), np.zeros((0, DIM)), "person", 3.0])
def test_bad_probes(gallery: Gallery, probe: object) -> None:
    with pytest.raises(ValueError, match="probe: "):
        ask(gallery, probe)  # type: ignore[arg-type]


def test_a_box_without_pixels_has_no_cutout(gallery: Gallery) -> None:
    gallery.add(Frame("a.jpg", IMAGE), Detections([[500, 500, 520, 540]], [0.5], unit(1)))
    (only,) = ask(gallery, unit(1))
    assert gallery.cutout(only.cutout) is None
    assert gallery.cutout(None) is None
