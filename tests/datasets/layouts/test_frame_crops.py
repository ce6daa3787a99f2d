"""Reading and cutting crops, and the crops of full-frame splits against the oracle's boxes and the real frames."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import load_crops, load_frames, load_queries, read_crops
from datasets.crops import read_crop, read_frame
from datasets.images import ImageError
from datasets.layouts.crop_folders import contiguous_crop_ids
from datasets.layouts.frame_crops import frame_crops, query_crops
from datasets.layouts.market1501 import query_groups
from datasets.samples import CropSample, FrameSample, Query

MINIATURES = ("prw", "cuhk-sysu")


def gradient(height: int = 20, width: int = 30) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows, columns, rows + columns], axis=2).astype(np.uint8)


def write_custom(root: Path, camera: int | None = None) -> Path:
    """Two frames; person 4 in both, person 9 in the second, one person unknown."""
    root.mkdir()
    images = []
    for number in (1, 2):
        assert cv2.imwrite(str(root / f"f{number}.png"), gradient()[:, :, ::-1])
        images.append({"id": number, "file_name": f"f{number}.png", "width": 30, "height": 20})
        if camera is not None:
            images[-1]["camera_id"] = camera + number
    people = [(1, [2, 3, 5, 10], 4), (2, [2.5, 3.25, 5, 10], 4), (2, [10, 3, 5, 10], 9), (2, [20, 3, 5, 10], -1)]
    annotations = [
        {"id": index, "image_id": image, "category_id": 1, "bbox": bbox, "person_id": person}
        for index, (image, bbox, person) in enumerate(people)
    ]
    text = json.dumps({"images": images, "annotations": annotations})
    for name in ("train.json", "test.json"):
        (root / name).write_text(text)
    queries = [{"file_name": "f2.png", "bbox": [2, 3, 5, 10], "person_id": 4}]
    (root / "queries.json").write_text(json.dumps(queries))
    return root


def test_a_box_is_cut_at_whole_pixels_and_clipped(tmp_path: Path) -> None:
    image = gradient()
    path = tmp_path / "frame.png"
    assert cv2.imwrite(str(path), image[:, :, ::-1])

    def crop(*box: float) -> np.ndarray:
        return read_crop(CropSample(path, 0, box=np.asarray(box, np.float32)))

    assert np.array_equal(crop(2.5, 3.0, 7.0, 9.25), image[3:10, 2:7])
    assert np.array_equal(crop(-4, -4, 99, 99), image)
    assert crop(4.2, 4.2, 4.4, 4.4).shape == (1, 1, 3)


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (9, 5, 5, 9), (30, 0, 40, 9), (0, -9, 5, 0), (np.nan, 0, 5, 5)])
def test_a_box_without_area_in_the_frame_is_one_line(tmp_path: Path, box: tuple[float, ...]) -> None:
    path = tmp_path / "frame.png"
    assert cv2.imwrite(str(path), gradient()[:, :, ::-1])
    with pytest.raises(ImageError, match=r"frame\.png: the box .* 30x20 pixels; correct the box"):
        read_crop(CropSample(path, 0, box=np.asarray(box, np.float32)))


def test_whole_pictures_and_cuts_are_rgb_copies(tmp_path: Path) -> None:
    path = tmp_path / "frame.png"
    image = gradient()
    assert cv2.imwrite(str(path), image[:, :, ::-1])
    assert np.array_equal(read_crop(CropSample(path, 0)), image)
    sample = CropSample(path, 0, box=np.asarray([1, 2, 4, 8], np.float32))
    first = read_crop(sample)
    assert np.array_equal(first, image[2:8, 1:4])
    first[:] = 0
    assert np.array_equal(read_crop(sample), image[2:8, 1:4])


def test_a_frame_that_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "frame.png"
    sample = CropSample(path, 0, box=np.asarray([0, 0, 4, 4], np.float32))
    for value in (3, 200):
        assert cv2.imwrite(str(path), np.full((20 + value, 30, 3), value, np.uint8))
        assert read_crop(sample).max() == value


@pytest.mark.parametrize(
    ("stated", "remedy"), [((15, 10), "correct width, height and boxes"), ((20, 30), "apply its EXIF orientation")]
)
def test_a_picture_of_another_size_than_its_data_set_says_is_not_read(
    tmp_path: Path, stated: tuple[int, int], remedy: str
) -> None:
    path = tmp_path / "frame.png"
    assert cv2.imwrite(str(path), gradient()[:, :, ::-1])
    box = np.asarray([[0, 0, 4, 4]], np.float32)
    right = FrameSample("frame", path, box, np.zeros(1), size=(30, 20))
    assert read_frame(right).shape == (20, 30, 3)
    assert read_crop(frame_crops([right])[0]).shape == (4, 4, 3)
    wrong = replace(right, size=stated)
    query = Query(0, [], frame="frame", box=box[0])
    complaint = rf"frame\.png: the image is 30 x 20, the annotation says {stated[0]} x {stated[1]}; {remedy}"
    for read in (
        lambda: read_frame(wrong),
        lambda: read_crop(frame_crops([wrong])[0]),
        lambda: read_crop(query_crops([query], [wrong])[0]),
    ):
        with pytest.raises(ImageError, match=complaint):
            read()


@pytest.mark.parametrize("box", [None, np.asarray([0, 0, 4, 4], np.float32)])
def test_a_missing_or_broken_picture_is_one_line(tmp_path: Path, box: np.ndarray | None) -> None:
    path = tmp_path / "frame.png"
    with pytest.raises(ImageError, match="does not exist"):
        read_crop(CropSample(path, 0, box=box))
    path.write_bytes(b"no picture")
    with pytest.raises(ImageError, match="no readable image"):
        read_crop(CropSample(path, 0, box=box))


def test_samples_are_compared_and_hashed_by_their_names() -> None:
    first, second = (CropSample(Path("f.png"), 1, box=np.asarray([0, 0, x, 4.5], np.float32)) for x in (3, 5))
    assert (first.name, second.name) == ("f.png#0,0,3,4.5", "f.png#0,0,5,4.5")
    assert len({first, second, CropSample(Path("f.png"), 1, box=np.asarray([0, 0, 3, 4.5]))}) == 2
    assert CropSample(Path("a.mat"), 3, entry="labeled{1}{2,3}").name == "a.mat#labeled{1}{2,3}"
    assert first.original_id == 1
    with pytest.raises(ValueError, match="both a box and an entry"):
        CropSample(Path("f.png"), 1, box=first.box, entry="labeled{1}{2,3}")


def test_identities_become_contiguous_and_unknown_people_stay_unknown() -> None:
    samples = [CropSample(Path(f"{person}"), person) for person in (40, -1, 7, 40)]
    numbered = contiguous_crop_ids(samples)
    assert [sample.person_id for sample in numbered] == [1, -1, 0, 1]
    assert [sample.original_id for sample in numbered] == [40, -1, 7, 40]
    assert [sample.name for sample in numbered] == [sample.name for sample in samples]


def test_query_groups_are_of_the_same_person_and_camera() -> None:
    pool = [CropSample(Path(f"{i}"), person, camera) for i, (person, camera) in enumerate([(1, 1), (1, 2), (1, 1)])]
    queries = [CropSample(Path("a"), 1, 1), CropSample(Path("b"), 1, 3)]
    assert query_groups(queries, pool) == [[pool[0], pool[2]], [queries[1]]]


@pytest.mark.parametrize("name", MINIATURES)
@pytest.mark.parametrize("split", ["train", "gallery"])
def test_crops_are_the_labelled_boxes_of_the_oracle(shared: Path, name: str, split: str) -> None:
    records = json.loads((shared / "oracles" / "full_frame_a.json").read_text())[name][split]
    expected = [
        (record["frame"], box, person)
        for record in records
        for box, person in zip(record["boxes"], record["person_ids"], strict=True)
        if person not in (5555, -1)
    ]
    crops = load_crops(name, shared / "oracles" / "mini_a" / name, split)
    found = [(crop.path.name, crop.box.tolist(), crop.original_id) for crop in crops if crop.box is not None]
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    assert len({(one[2], other[2]) for one, other in zip(found, expected)}) == len({row[2] for row in expected})
    if split == "train":
        assert {crop.person_id for crop in crops} == set(range(len({row[2] for row in expected})))
    for crop in crops:
        assert crop.box is not None
        width, height = crop.box[2:] - crop.box[:2]
        picture = read_crop(crop)
        assert abs(picture.shape[0] - height) < 2
        assert abs(picture.shape[1] - width) < 2


@pytest.mark.parametrize("name", MINIATURES)
def test_every_query_of_the_oracle_is_a_crop_of_the_gallery(shared: Path, name: str) -> None:
    root = shared / "oracles" / "mini_a" / name
    gallery = {crop.name: crop for crop in load_crops(name, root, "gallery")}
    queries = load_crops(name, root, "query")
    assert len(gallery) == len(load_crops(name, root, "gallery"))
    assert [query.person_id for query in queries] == [query.person_id for query in load_queries(name, root)]
    for query in queries:
        assert gallery[query.name].person_id == query.person_id
        assert gallery[query.name].camera == query.camera


def test_unlabelled_boxes_are_left_out_unless_asked_for(shared: Path) -> None:
    root = shared / "oracles" / "mini_a" / "prw"
    boxes = sum(len(frame.boxes) for frame in load_frames("prw", root, "gallery"))
    labelled, everyone = (load_crops("prw", root, "gallery", unlabelled=value) for value in (False, True))
    assert len(everyone) == boxes > len(labelled)
    assert [crop for crop in everyone if crop.person_id >= 0] == labelled


def test_without_cameras_a_query_knows_its_own_crop(tmp_path: Path) -> None:
    root = write_custom(tmp_path / "own")
    gallery = load_crops("custom", root, "gallery")
    (query,) = load_crops("custom", root, "query")
    assert [crop.camera for crop in (query, *gallery)] == [None] * 4
    # The query's box was typed anew and differs by half a pixel.
    assert [crop.name for crop in gallery if crop.name == query.name] == ["f2.png#2.5,3.25,7.5,13.25"]
    assert np.array_equal(read_crop(query), gradient()[3:13, 2:7])


def test_same_camera_forgets_cameras_but_not_in_training(tmp_path: Path) -> None:
    root = write_custom(tmp_path / "own", camera=5)
    assert [crop.camera for crop in load_crops("custom", root, "gallery")] == [6, 7, 7]
    assert {crop.camera for crop in load_crops("custom", root, "gallery", same_camera=True)} == {None}
    assert {crop.camera for crop in load_crops("custom", root, "query", same_camera=True)} == {None}
    assert {crop.camera for crop in load_crops("custom", root, "train", same_camera=True)} == {6, 7}


def test_uestc_pr_takes_cameras_from_names(tmp_path: Path) -> None:
    root = write_custom(tmp_path / "uestc")
    for name in ("train.json", "test.json", "queries.json"):
        text = (root / name).read_text()
        (root / name).write_text(text.replace("f1.png", "c1p1_000001.png").replace("f2.png", "c3p2_000002.png"))
    assert [crop.camera for crop in load_crops("uestc-pr", root, "gallery")] == [1, 3, 3]
    assert [crop.camera for crop in load_crops("uestc-pr", root, "query")] == [3]


def test_broken_records_of_frames_are_named(tmp_path: Path) -> None:
    root = write_custom(tmp_path / "own")
    content = json.loads((root / "test.json").read_text())
    content["annotations"][0]["bbox"] = [50, 50, 5, 5]
    (root / "test.json").write_text(json.dumps(content))
    crops, left_out = read_crops("custom", root, "gallery")
    assert len(crops) == 2
    assert "outside its frame" in left_out[0]


def test_unknown_names_splits_and_options_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'mot' has no crops; expected one of cuhk-sysu"):
        load_crops("mot", tmp_path, "train")
    with pytest.raises(ValueError, match="split is 'test', expected one of train, gallery, query"):
        load_crops("prw", tmp_path, "test")
    with pytest.raises(ValueError, match="'gallery_size'; see load_crops"):
        load_crops("cuhk-sysu", tmp_path, "query", gallery_size=50)


def test_crops_of_the_real_frames(shared: Path) -> None:
    root = shared / "data" / "prw_c6"
    splits = {split: load_crops("custom", root, split) for split in ("train", "gallery", "query")}
    for split in ("train", "gallery"):
        frames = load_frames("custom", root, split)
        assert len(splits[split]) == sum(int((frame.person_ids >= 0).sum()) for frame in frames)
        assert {crop.camera for crop in splits[split]} == {6}
    assert len(splits["query"]) == 264
    assert {crop.camera for crop in splits["query"]} == {1, 2, 3, 4, 5}
    assert read_crop(splits["query"][0]).shape == (128, 64, 3)
    assert read_crop(splits["gallery"][0]).size
