"""The predictor: index what a camera saw, find a person by crop or by box; a small world of colored people."""

import copy
import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from asking import ask, look_for
from blob_scenes import HEIGHT, PEOPLE, WIDTH, BlobModel, scene, write
from numpy.typing import NDArray

from datasets.footage.reading import Reading
from datasets.images import as_tensor
from detection.checkpoints import save_model
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from search.gallery.gallery import Gallery
from search.gallery.originals import read_original, source_place
from search.models.embedded_by import EmbeddedBy
from search.models.mirrored import mirrored_embeddings
from search.models.probes import box_probe
from search.pipeline import IndexSummary, PersonSearch


def person_of(search: PersonSearch, gallery: Gallery, person: int, **options: object) -> list[str]:
    crop = np.full((50, 18, 3), PEOPLE[person], dtype=np.uint8)
    answer = look_for(search, gallery, crop=crop, minimum_similarity=0.99, **options)  # type: ignore[arg-type]
    return sorted(one.frame for one in answer)


@pytest.fixture
def search() -> PersonSearch:
    return PersonSearch(BlobModel(), batch_size=3, device="cpu")


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    """Two cameras, six frames each; person 0 in the even frames of "north", person 1 everywhere."""
    folder = tmp_path / "footage"
    for number in range(6):
        write(folder / "north" / f"{number}.png", scene([1, 0] if number % 2 == 0 else [1, 2], number))
        write(folder / "south" / f"{number}.png", scene([1, 3, 4], number))
    return folder


@pytest.fixture
def gallery(search: PersonSearch, tmp_path: Path) -> Gallery:
    return search.open_gallery(tmp_path / "people", create=True)


def test_settings_of_reading_are_given_once(search: PersonSearch, gallery: Gallery, footage: Path) -> None:
    with pytest.raises(ValueError, match="give all of them in reading"):
        search.index(footage, gallery, camera="gate", reading=Reading(every_seconds=2.0))


def test_index_a_folder_and_find_by_crop(search: PersonSearch, gallery: Gallery, footage: Path) -> None:
    calls: list[IndexSummary] = []
    summary = search.index(footage, gallery, on_progress=calls.append)
    assert summary == IndexSummary(frames=12, sightings=30)
    assert [call.frames for call in calls] == [3, 6, 9, 12]
    assert gallery.cameras() == ("north", "south")
    assert person_of(search, gallery, 0) == ["north/0.png", "north/2.png", "north/4.png"]
    assert person_of(search, gallery, 1, cameras="south") == [f"south/{number}.png" for number in range(6)]
    best = look_for(search, gallery, crop=np.full((40, 20, 3), PEOPLE[4], dtype=np.uint8), limit=1)[0]
    assert best.location == str((footage / best.frame).resolve())
    image = read_original(best)
    assert image is not None
    np.testing.assert_array_equal(box_probe(image, best.box), best.box)


def test_find_by_box_and_by_several_crops(search: PersonSearch, gallery: Gallery, footage: Path) -> None:
    search.index(footage, gallery)
    frame = scene([3, 2])
    answer = look_for(search, gallery, frame=frame, box=[48, 30, 66, 70], minimum_similarity=0.99)
    assert {one.frame for one in answer} == {"north/1.png", "north/3.png", "north/5.png"}
    crops = [np.full((60, 20, 3), PEOPLE[person], dtype=np.uint8) for person in (0, 2)]
    either = look_for(search, gallery, crop=crops, combine="max", minimum_similarity=0.99)
    assert len(either) == 6
    outside = look_for(
        search, gallery, frame=frame, box=[48, 30, 66, 70], exclude_frame="north/1.png", minimum_similarity=0.99
    )
    assert len(outside) == 2


def test_the_frame_of_the_probe_is_left_out_by_its_place_not_its_name(
    search: PersonSearch, gallery: Gallery, footage: Path, tmp_path: Path
) -> None:
    search.index(footage, gallery)
    again = search.index(footage / "north", gallery)  # the same files, through another door
    assert (again.frames, again.skipped) == (0, 6)
    write(tmp_path / "elsewhere" / "north" / "1.png", scene([1, 2], 1))
    frame, box = scene([1, 2], 1), [50, 32, 66, 70]
    probe = {"frame": frame, "box": box, "minimum_similarity": 0.99}
    assert len(look_for(search, gallery, **probe)) == 3  # type: ignore[arg-type]
    (tmp_path / "link").symlink_to(footage, target_is_directory=True)
    for own in (footage / "north" / "1.png", str(tmp_path / "link" / "north" / "1.png")):
        answer = look_for(search, gallery, exclude_file=own, **probe)  # type: ignore[arg-type]
        assert sorted(one.frame for one in answer) == ["north/3.png", "north/5.png"]
    for other in (tmp_path / "elsewhere" / "north" / "1.png", tmp_path / "1.png"):
        assert len(look_for(search, gallery, exclude_file=other, **probe)) == 3  # type: ignore[arg-type]
    later = look_for(search, gallery, exclude_file=footage / "north" / "1.png", cameras="north", **probe)  # type: ignore[arg-type]
    assert sorted(one.frame for one in later) == ["north/3.png", "north/5.png"]


def test_indexing_again_goes_on_where_it_stopped(search: PersonSearch, gallery: Gallery, footage: Path) -> None:
    def interrupt(summary: IndexSummary) -> None:
        if summary.frames >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search.index(footage, gallery, on_progress=interrupt)
    assert gallery.summary().frames == 6
    again = search.index(footage, Gallery.open(gallery.path))
    assert (again.frames, again.skipped) == (6, 6)
    write(footage / "south" / "6.png", scene([1]))
    assert search.index(footage, gallery) == IndexSummary(frames=1, sightings=1, skipped=12)
    assert search.index(footage, gallery) == IndexSummary(skipped=13)
    assert len(gallery) == 31


def test_a_folder_through_any_door_is_one_source(search: PersonSearch, gallery: Gallery, footage: Path) -> None:
    search.index(footage, gallery)
    names = ["north/0.png", "south/1.png"]
    images = [
        {"id": row, "file_name": name, "width": WIDTH, "height": HEIGHT, "camera_id": 4, "timestamp": 1.7e9}
        for row, name in enumerate(names)
    ]
    layout = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "person"}]}
    (footage / "frames.json").write_text(json.dumps(layout))
    assert search.index(footage / "frames.json", gallery) == IndexSummary(skipped=2)
    fresh = search.open_gallery(gallery.path.with_name("fresh"), create=True)
    assert search.index(footage / "frames.json", fresh).frames == 2
    assert fresh.cameras() == ("4",)
    assert fresh.time_span() == (1.7e9, 1.7e9)


def test_broken_files_are_named_and_the_rest_is_indexed(search: PersonSearch, gallery: Gallery, footage: Path) -> None:
    (footage / "north" / "empty.jpg").touch()
    (footage / "north" / "text.jpg").write_text("this is no picture")
    whole = cv2.imencode(".jpg", scene([1, 2]))[1].tobytes()
    (footage / "north" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (footage / "north" / "clip.mp4").write_bytes(b"no video")
    summary = search.index(footage, gallery)
    assert summary.frames == 12
    assert sorted(name for name, _ in summary.failures) == [
        "north/clip.mp4", "north/cut.jpg", "north/empty.jpg", "north/text.jpg",
    ]  # fmt: skip
    assert all(reason and "\n" not in reason for _, reason in summary.failures)


def test_sources_that_give_nothing(search: PersonSearch, gallery: Gallery, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        search.index(tmp_path / "nowhere", gallery)
    (tmp_path / "bare").mkdir()
    with pytest.raises(ValueError, match="holds nothing, expected images"):
        search.index(tmp_path / "bare", gallery)
    assert len(gallery) == 0


def test_index_a_video_and_read_its_frames_again(search: PersonSearch, gallery: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "walk.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (WIDTH, HEIGHT))
    for number in range(120):
        writer.write(cv2.cvtColor(scene([number // 10 % 5], number), cv2.COLOR_RGB2BGR))
    writer.release()
    summary = search.index(path, gallery, every_seconds=0.5, camera="door", start_time=1.7e9)
    assert (summary.frames, summary.failures) == (24, ())
    assert gallery.time_span() == pytest.approx((1.7e9, 1.7e9 + 11.5))
    answer = look_for(search, gallery, crop=np.full((50, 20, 3), PEOPLE[2], dtype=np.uint8), minimum_similarity=0.95)
    assert len(answer) == 4  # seconds 2 and 7, twice a second
    for one in ask(gallery, np.ones(3), limit=100):
        image = read_original(one)
        assert image is not None
        x1, y1, x2, y2 = map(int, one.box)
        color = image[y1 + 4 : y2 - 4, x1 + 4 : x2 - 4].mean(axis=(0, 1))
        person = int((one.timestamp or 0) - 1.7e9) % 5
        assert np.abs(color - PEOPLE[person]).max() < 60
        assert image[max(0, y1 - 6), x1 + 5].max() < 100
        assert image[min(HEIGHT - 1, y2 + 5), x1 + 5].max() < 100


def test_the_original_is_not_shown_when_it_changed(search: PersonSearch, gallery: Gallery, footage: Path) -> None:
    search.index(footage, gallery)
    one = ask(gallery, np.ones(3), limit=1)[0]
    write(footage / one.frame, scene([1])[:50])
    assert read_original(one) is None
    (footage / one.frame).unlink()
    assert read_original(one) is None


def test_weak_detections_are_left_out(search: PersonSearch, gallery: Gallery, tmp_path: Path) -> None:
    image = scene([0])
    image[100:104, 100:104] = 250  # a small blob: confidence 0.3
    write(tmp_path / "one" / "a.png", image)
    assert search.index(tmp_path / "one", gallery).sightings == 1
    other = search.open_gallery(tmp_path / "all", create=True)
    assert search.index(tmp_path / "one", other, minimum_confidence=0.2).sightings == 2


def test_the_minimum_confidence_is_a_confidence(search: PersonSearch, gallery: Gallery, footage: Path) -> None:
    for wrong in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match=f"minimum confidence {wrong}, expected 0 to 1"):
            search.index(footage, gallery, minimum_confidence=wrong)


def test_batch_size_changes_nothing(footage: Path, tmp_path: Path) -> None:
    tables = []
    for size in (1, 5):
        search = PersonSearch(BlobModel(), batch_size=size, device="cpu")
        gallery = search.open_gallery(tmp_path / str(size), create=True)
        search.index(footage, gallery)
        tables.append(look_for(search, gallery, crop=scene([1])[30:70, 8:26]).to_table())
    assert tables[0] == tables[1]


@pytest.mark.parametrize("crop", [np.zeros((0, 5, 3), np.uint8), np.zeros((5, 5), np.uint8), np.zeros((5, 5, 3))])
def test_bad_crops(search: PersonSearch, crop: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match=r"crop is .* expected uint8"):
        search.embed_crop(crop)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([200, 10, 220, 60], r"box 200,10,220,60 lies outside the frame of 160 x 120 pixels"),
        ([-30, 10, 0, 60], "lies outside the frame"),
        ([50, 10, 20, 60], "has no area"),
        ([10, 10, 10, 60], "has no area"),
        ([10, 10, float("nan"), 60], "four finite numbers"),
        ([10, 10, 20], "four finite numbers"),
        ("person", "four numbers"),
    ],
)
def test_bad_boxes(search: PersonSearch, box: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        search.embed_box(scene([0]), box)  # type: ignore[arg-type]


def test_a_box_partly_outside_is_cut(search: PersonSearch) -> None:
    image = scene([0, 1])
    inside, beyond = search.embed_box(image, [0, 30, 26, 70]), search.embed_box(image, [-40, 30, 26, 70])
    assert torch.equal(inside, beyond)


def test_a_probe_shows_somebody(search: PersonSearch, gallery: Gallery) -> None:
    image = scene([0])
    for probe in ({}, {"frame": image}, {"box": [0, 0, 5, 5]}, {"crop": image, "frame": image}, {"crop": []}):
        with pytest.raises(ValueError, match="a frame and a box in it, or a sighting; give one of them or several"):
            look_for(search, gallery, **probe)  # type: ignore[arg-type]


def test_streams_are_named_without_their_secrets() -> None:
    place = source_place("rtsp://user:password@camera.local:554/main?token=abc")
    assert place.name == "camera.local:554/main"
    assert place.location("camera.local:554/main#t=1.0") is None


def test_bad_predictors() -> None:
    with pytest.raises(ValueError, match="batch size 0"):
        PersonSearch(BlobModel(), batch_size=0)
    assert PersonSearch(BlobModel()).embedded_by == EmbeddedBy("blobs")


@pytest.fixture(scope="module")
def joint_model() -> PersonSearchRCNN:
    """A real joint model, tiny and untrained; the threshold lets its random detections through."""
    torch.manual_seed(0)
    detector = DetectorConfig(
        backbone="resnet18", pyramid_levels=(1, 2), pyramid_channels=16, anchor_sizes=((16,), (32,), (64,)),
        box_features=32, min_size=96, max_size=160, score_threshold=0.0, detections_per_frame=5,
    )  # fmt: skip
    return PersonSearchRCNN(detector, EmbeddingConfig(dimension=8, channels=16)).eval()


def test_the_joint_model_end_to_end(joint_model: PersonSearchRCNN, footage: Path, tmp_path: Path) -> None:
    save_model(tmp_path / "model.safetensors", joint_model)
    search = PersonSearch.from_checkpoint(tmp_path / "model.safetensors", device="cpu", batch_size=2)
    gallery = search.open_gallery(tmp_path / "people", create=True)
    summary = search.index(footage, gallery, minimum_confidence=0.0)
    assert summary.frames == 12
    assert summary.sightings == len(gallery) > 12
    stored = ask(gallery, np.ones(8), limit=1000)
    image = read_original(stored[0])
    assert image is not None
    again = look_for(search, gallery, frame=image, box=stored[0].box, limit=3)
    assert again[0].id == stored[0].id
    assert again[0].score > 0.99
    assert search.embed_crop(scene([1])[20:80, 5:30]).norm().item() == pytest.approx(1, abs=1e-3)
    many = search.embed_crops([scene([person])[20:80, 5:30] for person in range(5)])
    assert many.shape == (5, 8)


def test_what_is_mirrored_is_so_everywhere_and_is_not_mixed_with_what_is_not(
    joint_model: PersonSearchRCNN, footage: Path, tmp_path: Path
) -> None:
    plain = PersonSearch(joint_model, device="cpu")
    search = PersonSearch(joint_model, device="cpu", mirrored=True)
    assert search.embedded_by == dataclasses.replace(plain.embedded_by, mirrored=True)
    gallery = search.open_gallery(tmp_path / "people", create=True)
    search.index(footage, gallery, minimum_confidence=0.0)
    image = scene([1, 0], 0)
    (raw,) = search.model.detect([as_tensor(image)])
    (found,) = search.detect([image])
    by_hand = mirrored_embeddings(joint_model, image, raw)
    assert found.embeddings is not None
    assert by_hand.embeddings is not None
    assert raw.embeddings is not None
    torch.testing.assert_close(found.embeddings, by_hand.embeddings, atol=2e-2, rtol=0)
    assert (found.embeddings - raw.embeddings).abs().max() > 0.05
    assert torch.equal(plain.detect([image])[0].embeddings, raw.embeddings)
    one = ask(gallery, np.ones(8), limit=1)[0]
    frame = read_original(one)
    assert frame is not None
    assert look_for(search, gallery, frame=frame, box=one.box)[0].score > 0.99
    # A crop on its canvas and the mirrored crop on its canvas are mirror images of one another.
    crop = np.random.default_rng(0).integers(0, 256, (60, 24, 3), dtype=np.uint8)
    both = search.embed_crops([crop, np.ascontiguousarray(crop[:, ::-1])])
    assert float((both[0] * both[1]).sum()) > 0.999
    with pytest.raises(ValueError, match=r"was indexed with --mirrored; give it again"):
        plain.open_gallery(tmp_path / "people")
    plain.open_gallery(tmp_path / "plain", create=True)
    with pytest.raises(ValueError, match=r"was indexed without --mirrored; leave it out"):
        search.open_gallery(tmp_path / "plain")


def test_a_gallery_of_other_weights_is_refused(joint_model: PersonSearchRCNN, tmp_path: Path) -> None:
    search = PersonSearch(joint_model, device="cpu")
    gallery = search.open_gallery(tmp_path / "people", create=True)
    retrained = copy.deepcopy(joint_model)
    with torch.no_grad():
        retrained.embedding_head.project.weight += 0.5
    other = PersonSearch(retrained, device="cpu")
    for use in (
        lambda: other.open_gallery(tmp_path / "people"),
        lambda: other.index(tmp_path, gallery),
        lambda: look_for(other, gallery, crop=scene([0])),
    ):
        with pytest.raises(ValueError, match="was indexed with another model than the one given: their weights differ"):
            use()
    with pytest.raises(FileNotFoundError, match="no gallery at"):
        search.open_gallery(tmp_path / "elsewhere")
