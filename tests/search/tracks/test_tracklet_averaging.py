"""Averaging while footage comes in: against averaging all at once, at its edges, and what a gallery then holds."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from asking import look_for
from blob_scenes import PEOPLE, BlobModel, scene, write
from numpy.typing import NDArray
from torch import Tensor

from datasets.samples import Camera, Frame
from detection.detections import Detections
from search.gallery.description import GalleryDescription, read_description
from search.gallery.gallery import Gallery
from search.gallery.tables import FrameRows
from search.indexing import index_source
from search.models.embedded_by import EmbeddedBy
from search.pipeline import PersonSearch
from search.query.fusion import fused
from search.query.ranking import Ranking
from search.tracks.averaging import TrackletAverager
from search.tracks.settings import TrackerSettings, TrackletAveraging
from search.tracks.tracklets import averaged, track_frames

DIM, SECOND = 12, 6
LOOSE = TrackerSettings(minimum_similarity=-1)


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True)
class Shot:
    name: str
    camera: Camera | None
    timestamp: float | None


def footage(
    count: int, *, cameras: int = 2, times: bool = True, second: bool = False, seed: int = 0
) -> list[FrameRows]:
    """Frames of cameras in turns; four people in each walk to the right, each seen noisily, some not in every frame."""
    random = np.random.default_rng(seed)
    looks = unit(random.standard_normal((cameras, 4, DIM))), unit(random.standard_normal((cameras, 4, SECOND)))
    frames = []
    for number in range(count):
        for camera in range(cameras):
            seen = np.flatnonzero(random.random(4) < 0.9)
            left = 100.0 * seen + 12 * number
            boxes = np.stack([left, 0 * left + 10, left + 30, 0 * left + 100], axis=1).astype(np.float32)
            noisy = [
                unit(look[camera, seen] + 0.2 * random.standard_normal((len(seen), look.shape[-1]))) for look in looks
            ]
            frame = {
                "source": "clip", "frame": f"{camera}-{number}", "camera": f"c{camera}",
                "timestamp": float(number) if times else None,
            }  # fmt: skip
            scores = np.full(len(seen), 0.9, np.float32)
            frames.append(FrameRows(frame, boxes, scores, noisy[0], [b""] * len(seen), noisy[1] if second else None))
    return frames


def offline(
    frames: list[FrameRows], blend: float, settings: TrackerSettings
) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32] | None]]:
    """`averaged` over `track_frames`, each look on its own, linked by both."""
    shots = [Shot(rows.key[1], str(rows.frame["camera"]), rows.frame["timestamp"]) for rows in frames]  # type: ignore[arg-type]

    def found(choose: Callable[[FrameRows], Tensor]) -> dict[str, Detections]:
        return {
            rows.key[1]: Detections(torch.from_numpy(rows.boxes), torch.from_numpy(rows.scores), choose(rows))
            for rows in frames
        }

    first = found(lambda rows: torch.from_numpy(rows.embeddings))
    if frames[0].second_embeddings is None:
        tracks = track_frames(shots, first, settings)
        return {name: (one.embeddings.numpy(), None) for name, one in averaged(first, tracks, blend=blend).items()}
    second = found(lambda rows: torch.from_numpy(rows.second_embeddings))
    both = found(
        lambda rows: fused(torch.from_numpy(rows.embeddings), torch.from_numpy(rows.second_embeddings), Ranking().share)
    )
    tracks = track_frames(shots, both, settings)
    mean, other = averaged(first, tracks, blend=blend), averaged(second, tracks, blend=blend)
    return {name: (mean[name].embeddings.numpy(), other[name].embeddings.numpy()) for name in mean}


def online(frames: list[FrameRows], settings: TrackletAveraging) -> tuple[list[FrameRows], list[FrameRows]]:
    """What left on the way, and what left in the end."""
    averager = TrackletAverager(settings)
    on_the_way = [one for rows in frames for one in averager.add(rows)]
    return on_the_way, averager.finish()


@pytest.mark.parametrize(("times", "second"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("blend", [0.0, 0.5, 1.0])
def test_with_all_in_sight_it_is_what_averaging_at_once_gives(times: bool, second: bool, blend: float) -> None:
    frames = footage(12, times=times, second=second)
    on_the_way, rest = online(frames, TrackletAveraging(blend, 12, LOOSE))
    assert not on_the_way
    expected = offline(frames, blend, LOOSE)
    assert {rows.key for rows in rest} == {rows.key for rows in frames}
    original = {rows.key: rows for rows in frames}
    for rows in rest:
        mean, other = expected[rows.key[1]]
        np.testing.assert_allclose(rows.embeddings, mean, atol=1e-5)
        if other is not None:
            np.testing.assert_allclose(rows.second_embeddings, other, atol=1e-5)
        before = original[rows.key]
        assert rows == replace(before, embeddings=rows.embeddings, second_embeddings=rows.second_embeddings)
        assert np.abs(rows.embeddings - before.embeddings).max() > 0.01 or blend == 0


@pytest.mark.parametrize("lookahead", [0, 1, 3])
def test_a_sighting_knows_its_past_and_so_many_later_frames(lookahead: int) -> None:
    """Frame by frame what averaging gives over the footage up to `lookahead` frames later."""
    frames = footage(8, cameras=1)
    on_the_way, rest = online(frames, TrackletAveraging(0.6, lookahead, LOOSE))
    assert len(rest) == lookahead
    for number, rows in enumerate([*on_the_way, *rest]):
        assert rows.key == frames[number].key
        mean, _ = offline(frames[: number + lookahead + 1], 0.6, LOOSE)[rows.key[1]]
        np.testing.assert_allclose(rows.embeddings, mean, atol=1e-5)


def test_the_order_of_cameras_does_not_matter_and_frames_of_each_keep_theirs() -> None:
    frames = footage(6, cameras=3)
    settings = TrackletAveraging(0.5, 2, LOOSE)
    mixed = [one for part in online(frames, settings) for one in part]
    apart = [
        one for part in online(sorted(frames, key=lambda rows: str(rows.frame["camera"])), settings) for one in part
    ]
    known = {rows.key: rows.embeddings for rows in apart}
    for rows in mixed:
        np.testing.assert_allclose(rows.embeddings, known[rows.key], atol=1e-6)
    for camera in range(3):
        names = [rows.key[1] for rows in mixed if rows.frame["camera"] == f"c{camera}"]
        assert names == [f"{camera}-{number}" for number in range(6)]


def test_frames_out_of_time_order_begin_new_tracklets_and_none_is_lost() -> None:
    frames = footage(6, cameras=1)
    backwards = [*frames[3:], *frames[:3]]
    averager = TrackletAverager(TrackletAveraging(1.0, 100, LOOSE))
    left = [one for rows in backwards for one in averager.add(rows)] + averager.finish()
    assert [rows.key for rows in left] == [rows.key for rows in backwards]
    halves = {**offline(frames[3:], 1.0, LOOSE), **offline(frames[:3], 1.0, LOOSE)}
    for rows in left:
        np.testing.assert_allclose(rows.embeddings, halves[rows.key[1]][0], atol=1e-5)
    assert averager.tracklets == 8


def test_memory_is_that_of_the_people_who_wait() -> None:
    """Sums of tracklets that ended long ago are dropped."""
    averager = TrackletAverager(TrackletAveraging(0.5, 2, TrackerSettings(maximum_speed=0, maximum_gap=1)))
    random = np.random.default_rng(0)
    for number in range(40):
        box = np.array([[200.0 * number, 0, 200 * number + 50, 100]], np.float32)
        frame = {"source": "", "frame": str(number), "camera": None, "timestamp": float(number)}
        averager.add(FrameRows(frame, box, np.ones(1, np.float32), unit(random.standard_normal((1, DIM))), [b""]))
    assert averager.tracklets == 40
    assert all(len(sums) <= 5 for camera in averager._cameras.values() for sums in camera._sums)


def test_empty_frames_and_settings_that_cannot_be() -> None:
    nobody = FrameRows(
        {"source": "", "frame": "a", "camera": None, "timestamp": None}, np.zeros((0, 4), np.float32),
        np.zeros(0, np.float32), np.zeros((0, DIM), np.float32), [],
    )  # fmt: skip
    averager = TrackletAverager()
    assert averager.add(nobody) == []
    assert averager.finish()[0].embeddings.shape == (0, DIM)
    assert averager.finish() == []
    with pytest.raises(ValueError, match=r"blend 1\.5, expected a share"):
        TrackletAveraging(blend=1.5)
    with pytest.raises(ValueError, match="lookahead of -1 frames"):
        TrackletAveraging(lookahead=-1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One camera, ten frames: person 1 in all of them, others come and go."""
    for number in range(10):
        write(tmp_path / "footage" / "north" / f"{number}.png", scene([1, number % 3 + 2], number))
    return tmp_path / "footage"


class NoisyModel(BlobModel):
    """The people of the blobs, each time with noise of its own."""

    def detect(self, images: list[Tensor]) -> list[Detections]:
        answers = []
        for image, found in zip(images, super().detect(images), strict=True):
            generator = torch.Generator().manual_seed(int(image.sum()))
            noise = 0.3 * torch.randn(found.embeddings.shape, generator=generator)
            answers.append(found.with_embeddings(torch.nn.functional.normalize(found.embeddings + noise, dim=1)))
        return answers


def predictor(averaging: TrackletAveraging | None) -> PersonSearch:
    return PersonSearch(NoisyModel(), batch_size=3, device="cpu", tracklets=averaging)


def test_a_gallery_says_that_it_is_averaged_and_holds_steadier_sightings(folder: Path, tmp_path: Path) -> None:
    plain = predictor(None).open_gallery(tmp_path / "plain", create=True)
    predictor(None).index(folder, plain)
    search = predictor(TrackletAveraging(0.5, 4, LOOSE))
    with search.open_gallery(tmp_path / "steady", create=True) as gallery:
        summary = search.index(folder, gallery)
        assert (summary.frames, summary.sightings) == (10, 20)
        assert 0 < summary.tracklets < 20
        assert gallery.summary().embedded_by.tracklet_blend == 0.5
    assert read_description(tmp_path / "steady").embedded_by.tracklet_blend == 0.5
    assert '"tracklet_blend": 0.5' in (tmp_path / "steady" / "gallery.json").read_text()
    assert '"tracklet_blend": null' in (tmp_path / "plain" / "gallery.json").read_text()
    crop = np.full((50, 18, 3), PEOPLE[1], dtype=np.uint8)
    # The probe's own embedding is the same in both, and by whichever predictor.
    assert torch.equal(search.embed_crop(crop), predictor(None).embed_crop(crop))
    scores = [
        np.mean([one.score for one in look_for(search, store, crop=crop, limit=10)])
        for store in (plain, search.open_gallery(tmp_path / "steady"))
    ]
    assert scores[1] > scores[0] + 0.01
    # Reading needs no settings; adding with others would make the description wrong.
    assert len(predictor(None).open_gallery(tmp_path / "steady")) == 20
    for other in (None, TrackletAveraging(0.7)):
        with pytest.raises(ValueError, match=r"was indexed with --tracklets and --tracklet-blend 0\.5"):
            predictor(other).open_gallery(tmp_path / "steady", create=True)
    with pytest.raises(ValueError, match="was indexed without --tracklets"):
        search.open_gallery(tmp_path / "plain", create=True)
    with pytest.raises(ValueError, match="was indexed without --tracklets"):
        search.index(folder, plain)


@pytest.mark.parametrize("after", [1, 4, 9])
def test_what_was_seen_before_an_interruption_is_stored_and_indexing_goes_on(
    folder: Path, tmp_path: Path, after: int
) -> None:
    """Ctrl-C in the middle of the footage: everything that was looked at is there, averaged over what was known."""
    frames = sorted(path.name for path in (folder / "north").iterdir())
    model, seen = NoisyModel(), 0

    def look(images: object) -> list[tuple[Detections, None]]:
        nonlocal seen
        seen += 1
        if seen > after:
            raise KeyboardInterrupt
        with torch.no_grad():
            (found,) = model.detect([torch.from_numpy(images[0]).permute(2, 0, 1) / 255])  # type: ignore[index]
        return [(found, None)]

    averaging = TrackletAveraging(0.5, 50, LOOSE)
    gallery = Gallery.create(
        tmp_path / "people", GalleryDescription(model.embedding_dim, EmbeddedBy("blobs", tracklet_blend=0.5))
    )
    with pytest.raises(KeyboardInterrupt):
        index_source(folder, gallery, look, batch_size=1, averaging=averaging)
    held = Gallery.open(tmp_path / "people").detections()
    assert sorted(held) == [f"north/{name}" for name in frames[:after]]
    alone = [model.detect([torch.from_numpy(scene([1, n % 3 + 2], n)).permute(2, 0, 1) / 255])[0] for n in range(after)]
    own = [found.embeddings for found in alone]
    changed = any(not torch.allclose(held[f"north/{n}.png"].embeddings, own[n], atol=1e-3) for n in range(after))
    assert changed == (after > 1)

    search = predictor(averaging)
    summary = search.index(folder, search.open_gallery(tmp_path / "people", create=True))
    assert (summary.skipped, summary.frames) == (after, 10 - after)
    assert len(Gallery.open(tmp_path / "people")) == 20


def test_a_damaged_share_in_the_description_is_named(tmp_path: Path) -> None:
    Gallery.create(tmp_path / "people", GalleryDescription(4, EmbeddedBy("blobs", tracklet_blend=1)))
    assert read_description(tmp_path / "people") == GalleryDescription(4, EmbeddedBy("blobs", tracklet_blend=1))
    file = tmp_path / "people" / "gallery.json"
    file.write_text(file.read_text().replace('"tracklet_blend": 1', '"tracklet_blend": "half"'))
    with pytest.raises(ValueError, match=r"gallery\.json is damaged"):
        read_description(tmp_path / "people")


def test_a_frame_is_prepared_without_its_picture(tmp_path: Path) -> None:
    """What waits is small: cut-outs and embeddings, not the frame."""
    gallery = Gallery.create(tmp_path / "people", GalleryDescription(DIM, EmbeddedBy("x")))
    frame = Frame("a.png", np.zeros((1080, 1920, 3), np.uint8), "c", 1.0)
    rows = gallery.prepare(frame, Detections([[0, 0, 50, 100]], [0.9], unit(np.ones((1, DIM)))), source="clip")
    assert rows.key == ("clip", "a.png")
    assert sum(map(len, rows.jpegs)) < 10_000
    assert len(gallery) == 0
    assert not gallery.is_done("a.png", source="clip")
    gallery.put(rows)
    assert gallery.is_done("a.png", source="clip")
