"""The custom layout: reading, refusing, writing; the real frames of camera 6."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import datasets
from datasets.layouts import custom
from datasets.samples import UNLABELLED, FrameSample, Query, QueryGallery


def image(image_id: int, name: str, **more: Any) -> dict[str, Any]:
    return {"id": image_id, "file_name": name, "width": 100, "height": 50, "camera_id": 1} | more


def person(annotation_id: int, image_id: Any, bbox: Any, person_id: Any = 7, **more: Any) -> dict[str, Any]:
    return {"id": annotation_id, "image_id": image_id, "category_id": 1, "bbox": bbox, "person_id": person_id} | more


def write(path: Path, images: list[Any], annotations: list[Any], **more: Any) -> Path:
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]} | more
    path.write_text(json.dumps(content))
    return path


def plain(query: Query) -> list[tuple[str, list[float] | None]]:
    return [(name, None if box is None else box.tolist()) for name, box in query.gallery]


def test_the_real_frames_of_camera_6(shared: Path) -> None:
    root = shared / "data" / "prw_c6"
    train, gallery = (datasets.load_frames("custom", root, split) for split in ("train", "gallery"))
    assert (len(train), sum(len(sample.boxes) for sample in train)) == (522, 1043)
    assert (len(gallery), sum(len(sample.boxes) for sample in gallery)) == (392, 759)
    ids = np.unique(np.concatenate([sample.person_ids for sample in train]))
    assert ids.tolist() == list(range(-1, len(ids) - 1))
    assert {sample.camera for sample in train} == {6}
    assert all((sample.boxes >= 0).all() and (sample.boxes <= [720, 576, 720, 576]).all() for sample in train)
    assert all(sample.path.is_file() for sample in gallery)


def test_the_queries_of_camera_6(shared: Path) -> None:
    queries = datasets.load_queries("custom", shared / "data" / "prw_c6")
    assert len(queries) == 264
    assert len({query.person_id for query in queries}) == 66
    assert all(query.crop is not None and query.crop.is_file() and len(query.gallery) == 392 for query in queries)
    assert {query.camera for query in queries} == {1, 2, 3, 4, 5}
    members = {id(query.gallery.members) for query in queries if isinstance(query.gallery, QueryGallery)}
    assert len(members) == 5  # one array per camera, not per query


def test_training_identities_are_relabelled_and_boxes_clipped(tmp_path: Path) -> None:
    images = [image(3, "a/x.jpg", timestamp="2024-05-01T08:30:00Z"), image(1, "y.jpg", camera_id="gate", timestamp=2)]
    people = [
        person(1, 3, [-5, 10, 20, 100], 40), person(2, 1, [1, 2, 3, 4], 12), person(3, 1, [5, 5, 5, 5], -1),
        person(4, 1, [0, 0, 50, 50], -1, iscrowd=1), person(5, 1, [0, 0, 9, 9], 3, category_id=2),
    ]  # fmt: skip
    write(tmp_path / "train.json", images, people)
    first, second = datasets.load_frames("custom", tmp_path, "train")
    assert (first.name, first.path, first.camera) == ("a/x.jpg", tmp_path / "a" / "x.jpg", 1)
    assert (first.timestamp, second.timestamp, second.camera) == (1714552200.0, 2.0, "gate")
    assert first.boxes.tolist() == [[0, 10, 15, 50]]
    assert first.person_ids.tolist() == [1]
    assert second.person_ids.tolist() == [0, UNLABELLED]
    assert second.original_ids is not None
    assert second.original_ids.tolist() == [12, -1]
    assert second.ignore.tolist() == [[0, 0, 50, 50]]
    write(tmp_path / "gallery.json", images, people)  # the other accepted name
    assert datasets.load_frames("custom", tmp_path, "gallery")[0].person_ids.tolist() == [40]
    assert datasets.load_frames("custom", tmp_path / "train.json", "gallery")[1].person_ids.tolist() == [12, -1]


def test_plain_coco_files_without_identities_and_sizes_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "coco.json"
    record = {"image_id": "k", "bbox": [90, 1, 500, 5], "category_id": 18}
    content = {"images": [{"id": "k", "file_name": "k.jpg"}], "annotations": [record]}
    path.write_text("\ufeff" + json.dumps(content | {"categories": [{"id": 18, "name": "Person"}]}), encoding="utf-8")
    sample = datasets.load_frames("custom", path, "train")[0]
    assert sample.boxes.tolist() == [[90, 1, 590, 6]]
    assert (sample.person_ids.tolist(), sample.camera, sample.timestamp) == ([-1], None, None)


BROKEN = [
    (person(9, 99, [1, 1, 2, 2]), "image_id 99 is not in images"),
    (person(9, [1], [1, 1, 2, 2]), "image_id [1] is not in images"),
    (person(9, 1, [1, 1, 2]), "expected four finite numbers"),
    (person(9, 1, [1, 1, float("nan"), 2]), "expected four finite numbers"),
    (person(9, 1, [1, 1, float("inf"), 2]), "expected four finite numbers"),
    (person(9, 1, [1, 1, "2", 2]), "expected four finite numbers"),
    (person(9, 1, None), "expected four finite numbers"),
    (person(9, 1, [1, 1, 2, 2], "seven"), "person_id is 'seven'"),
    (person(9, 1, [1, 1, 2, 2], -2), "person_id is -2"),
    (person(9, 1, [1, 1, 2, 2], True), "person_id is True"),
    (17, "is int, expected an object"),
]


@pytest.mark.parametrize(("record", "what"), BROKEN)
def test_records_that_cannot_be_understood_are_refused_in_one_line(tmp_path: Path, record: Any, what: str) -> None:
    write(tmp_path / "test.json", [image(1, "a.jpg")], [person(1, 1, [1, 1, 5, 5]), record])
    problem = custom.scan_frames(tmp_path, "gallery").problems[0]
    assert what in problem.what
    assert problem.fatal
    with pytest.raises(
        ValueError, match=r"1 broken records.*`personsearch data check .* --format custom` lists all"
    ) as error:
        datasets.load_frames("custom", tmp_path, "gallery")
    assert what in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("record", "what"),
    [
        (image(1, "b.jpg"), "id 1 occurs twice"),
        (image(2, "a.jpg"), "file_name occurs twice"),
        (image(2, ""), "file_name is ''"),
        ({"id": 2}, "file_name is None"),
        (image(2, "b.jpg") | {"id": 1.5}, "id is 1.5"),
        (image(2, "b.jpg", camera_id=[1]), "camera_id is [1]"),
        (image(2, "b.jpg", timestamp="noon"), "timestamp 'noon' is no time"),
        (image(2, "b.jpg", timestamp=float("nan")), "timestamp 'nan' is no time"),
        ("b.jpg", "is str, expected an object"),
    ],
)
def test_broken_image_records_are_refused(tmp_path: Path, record: Any, what: str) -> None:
    write(tmp_path / "test.json", [image(1, "a.jpg"), record], [])
    found = [problem for problem in custom.scan_frames(tmp_path, "gallery").problems if problem.fatal]
    assert len(found) == 1
    assert what in found[0].what
    assert "images[1]" in found[0].where


def test_harmless_records_are_left_out_with_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    people = [
        person(1, 1, [1, 1, 5, 5]), person(2, 1, [1, 1, 0, 5]), person(3, 1, [200, 1, 5, 5]),
        person(4, 1, [2, 2, 5, 5]), person(4, 1, [3, 3, 5, 5], 8), person(6, 1, [50, 0, 1e-9, 4], 9),
    ]  # fmt: skip
    write(tmp_path / "test.json", [image(1, "a.jpg"), image(2, "b.jpg", width=None)], people)
    with caplog.at_level(logging.WARNING):
        sample = datasets.load_frames("custom", tmp_path, "gallery")[0]
    assert sample.person_ids.tolist() == [7, 7, 8]
    assert len(caplog.records) == 1
    whats = " | ".join(problem.what for problem in custom.scan_frames(tmp_path, "gallery").problems)
    for what in ("no area", "outside its frame", "person 7 occurs twice", "its id occurs twice", "are not clipped"):
        assert what in whats


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is not JSON at line 1 column 1"), ('{"images": [', "is not JSON"), ("[]", "is not an object"),
        ('{"images": 3}', "is not an object"), ('{"images": [], "annotations": 3}', "expected a list"),
        ("[" * 100_000, "nested too deeply"), (b"\xff\xfe\x00", "is not UTF-8"),
    ],
)  # fmt: skip
def test_files_of_another_kind_are_refused_in_one_line(tmp_path: Path, text: str | bytes, what: str) -> None:
    (tmp_path / "train.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=what) as error:
        datasets.load_frames("custom", tmp_path, "train")
    assert "\n" not in str(error.value)


def test_a_wrong_root_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(datasets.DatasetNotFoundError, match=r"has no test\.json or gallery\.json; expected a folder"):
        datasets.load_frames("custom", tmp_path, "gallery")
    with pytest.raises(datasets.DatasetNotFoundError, match="does not exist"):
        datasets.load_frames("custom", tmp_path / "no", "train")
    write(tmp_path / "test.json", [image(1, "a.jpg")], [])
    with pytest.raises(datasets.DatasetNotFoundError, match=r"no query file .*queries\.json"):
        datasets.load_queries("custom", tmp_path)


@pytest.fixture
def search_root(tmp_path: Path) -> Path:
    """Person 7 in four frames: two of camera 1, one of camera 2, one without a camera; person 8 in one."""
    images = [image(1, "a.jpg"), image(2, "b.jpg"), image(3, "c.jpg", camera_id=2), image(4, "d.jpg")]
    del images[3]["camera_id"]
    people = [
        person(1, 1, [1, 1, 5, 5]), person(2, 2, [2, 2, 5, 5]), person(3, 2, [30, 2, 5, 5]),
        person(4, 3, [3, 3, 5, 5]), person(5, 4, [4, 4, 5, 5]), person(6, 1, [40, 1, 5, 5], 8),
    ]  # fmt: skip
    write(tmp_path / "test.json", images, people)
    return tmp_path


def write_queries(root: Path, *records: Any) -> Path:
    (root / "queries.json").write_text(json.dumps(list(records)))
    return root


def test_galleries_leave_out_the_own_frame_and_the_own_camera(search_root: Path) -> None:
    write_queries(
        search_root,
        {"file_name": "a.jpg", "bbox": [-1, 1, 5, 5], "person_id": 7},
        {"crop": "crops/7.png", "person_id": 7, "camera_id": "1"},
        {"crop": "crops/7.png", "person_id": 7},
        {"file_name": "d.jpg", "bbox": [4, 4, 5, 5], "person_id": 7},
    )
    frame, crop, unknown, without = datasets.load_queries("custom", search_root)
    assert plain(frame) == [("c.jpg", [3, 3, 8, 8]), ("d.jpg", [4, 4, 9, 9])]
    assert frame.box is not None
    assert frame.box.tolist() == [0, 1, 4, 6]
    assert frame.camera == 1  # its frame's
    assert plain(crop) == plain(frame)  # camera "1" is camera 1
    assert crop.crop == search_root / "crops" / "7.png"
    assert [name for name, _ in plain(unknown)] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    assert plain(unknown)[1] == ("b.jpg", [2, 2, 7, 7])  # the first box of the person
    assert [name for name, _ in plain(without)] == ["a.jpg", "b.jpg", "c.jpg"]
    frame = datasets.load_queries("custom", search_root, same_camera=True)[0]
    assert [name for name, _ in plain(frame)] == ["b.jpg", "c.jpg", "d.jpg"]


def test_a_query_that_cannot_be_answered_is_left_out_with_a_warning(
    search_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_queries(
        search_root,
        {"file_name": "a.jpg", "bbox": [40, 1, 5, 5], "person_id": 8},
        {"crop": "x.png", "person_id": 55},
        {"crop": "x.png", "person_id": 7},
    )
    assert [query.person_id for query in datasets.load_queries("custom", search_root)] == [7]
    assert "2 records are left out or doubtful" in caplog.text
    assert "person 8 is in no frame of the query's gallery" in caplog.text
    caplog.clear()
    write_queries(search_root, {"crop": "x.png", "person_id": 55}, {"crop": "x.png", "person_id": 7})
    datasets.load_queries("custom", search_root)
    assert "1 record is left out or doubtful" in caplog.text


@pytest.mark.parametrize(
    ("record", "what"),
    [
        (3, "is int"),
        ({"crop": "x.png"}, "person_id is None"),
        ({"crop": "x.png", "person_id": -1}, "needs an identity"),
        ({"person_id": 7}, "needs either"),
        ({"person_id": 7, "crop": "x.png", "file_name": "a.jpg"}, "needs either"),
        ({"person_id": 7, "crop": 3}, "crop is 3"),
        ({"person_id": 7, "file_name": "z.jpg", "bbox": [1, 1, 2, 2]}, "not a frame of the gallery"),
        ({"person_id": 7, "file_name": "a.jpg", "bbox": [1, 1, 2]}, "expected four finite numbers"),
        ({"person_id": 7, "file_name": "a.jpg", "bbox": [1, 1, 0, 2]}, "no area"),
        ({"person_id": 7, "file_name": "a.jpg", "bbox": [500, 1, 3, 2]}, "no area inside a.jpg"),
    ],
)
def test_broken_queries_are_named(search_root: Path, record: Any, what: str) -> None:
    write_queries(search_root, {"crop": "x.png", "person_id": 7}, record)
    with pytest.raises(ValueError, match=r"queries\.json\[1\]") as error:
        datasets.load_queries("custom", search_root)
    assert what in str(error.value)


def test_query_and_gallery_files_may_lie_elsewhere(search_root: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    write_queries(other, {"crop": "x.png", "person_id": 7})
    (search_root / "test.json").rename(search_root / "night.json")
    queries = datasets.load_queries(
        "custom", search_root, queries=other / "queries.json", gallery=search_root / "night.json"
    )
    assert queries[0].crop == other / "x.png"
    with pytest.raises(ValueError, match="unexpected keyword argument 'gallery_size'"):
        datasets.load_queries("custom", search_root, gallery_size=50)


def test_what_is_written_is_read_again_exactly(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    samples, sizes = [], {}
    for index in range(20):
        corners = random.uniform(0, 900, (index % 4, 2)).astype(np.float32)
        boxes = np.hstack([corners, corners + random.uniform(0.5, 100, corners.shape).astype(np.float32)])
        name = f"frame {index}"
        ids = np.arange(len(boxes))
        sample = FrameSample(name, tmp_path / "images" / f"ä {index}.png", boxes, ids - 1, original_ids=ids * 10)
        camera = (None, 3, "gate")[index % 3]
        time = None if index % 2 else index / 3
        samples.append(replace(sample, camera=camera, timestamp=time, ignore=boxes[:1]))
        sizes[name] = (1000, 1000)
    custom.write_split(tmp_path / "deep" / "test.json", samples, sizes)
    again = datasets.load_frames("custom", tmp_path / "deep", "gallery")
    assert [sample.name for sample in again] == [f"../images/ä {index}.png" for index in range(20)]
    for sample, copy in zip(samples, again, strict=True):
        assert copy.path.resolve() == sample.path.resolve()
        assert (copy.camera, copy.timestamp) == (sample.camera, sample.timestamp)
        np.testing.assert_array_equal(copy.boxes, sample.boxes)
        np.testing.assert_array_equal(copy.ignore, sample.ignore)
        np.testing.assert_array_equal(copy.person_ids, sample.person_ids)
    custom.write_split(tmp_path / "list.json", samples, list(sizes.values()))
    assert len(datasets.load_frames("custom", tmp_path / "list.json", "gallery")) == 20


def test_converting_prw_keeps_frames_people_and_galleries(shared: Path, tmp_path: Path) -> None:
    root = shared / "oracles" / "mini_a" / "prw"
    samples = datasets.load_frames("prw", root, "gallery")
    queries = datasets.load_queries("prw", root)
    custom.write_split(tmp_path / "test.json", samples, dict.fromkeys((s.name for s in samples), (2000, 2000)))
    custom.write_queries(tmp_path / "queries.json", queries, samples)
    again = datasets.load_queries("custom", tmp_path, same_camera=True)
    assert len(again) == len([query for query in queries if any(box is not None for _, box in query.gallery)])
    for query, copy in zip(queries, again, strict=True):
        assert [box for _, box in plain(copy)] == [box for _, box in plain(query)]
        assert (copy.person_id, copy.camera) == (query.person_id, query.camera)
        assert copy.box is not None
        assert query.box is not None
        assert copy.box.tolist() == query.box.tolist()


def test_an_interrupted_write_leaves_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    sample = FrameSample("a", tmp_path / "a.jpg", np.asarray([[0, 0, 5, 5]], dtype=np.float32), np.asarray([0]))
    custom.write_split(path, [sample], {"a": (9, 9)})
    before = path.read_bytes()
    bad = FrameSample("b", tmp_path / "b.jpg", np.asarray([[0, 0, np.nan, 5]], dtype=np.float32), np.asarray([0]))
    with pytest.raises(ValueError, match="Out of range float"):
        custom.write_split(path, [sample, bad], {"a": (9, 9), "b": (9, 9)})
    with pytest.raises(ValueError, match=r"frame b has no \(width, height\)"):
        custom.write_split(path, [sample, bad], {"a": (9, 9)})
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["train.json"]


def test_names_and_splits_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'coco' is not known; expected one of cuhk-sysu, prw, uestc-pr, custom, mot"):
        datasets.load_frames("coco", tmp_path, "train")
    with pytest.raises(ValueError, match="split is 'test', expected one of train, gallery"):
        datasets.load_frames("custom", tmp_path, "test")
    with pytest.raises(ValueError, match="'mot' has no search protocol"):
        datasets.load_queries("mot", tmp_path)
