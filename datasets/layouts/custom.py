"""A user's own frames with identities: COCO detection JSON plus `person_id`, `camera_id` and `timestamp`.

    {"images":      [{"id", "file_name", "width", "height", "camera_id"?, "frame_index"?, "timestamp"?}],
     "annotations": [{"id", "image_id", "category_id": 1, "bbox": [x, y, width, height], "iscrowd", "person_id"}],
     "categories":  [{"id": 1, "name": "person"}],
     "info":        {"synthetic": true}?}

`file_name` is relative to the JSON's folder. `person_id` is an identity >= 0, or -1 (also when absent) for a person of
unknown identity. `timestamp` is seconds, or a text in ISO 8601 (without a zone it is read as UTC). Boxes are 0-based
pixels and are clipped to the frame. `iscrowd` boxes become regions to ignore; other categories are not read.
`synthetic` says that a program rendered the frames.

What loading does with broken records:
- It refuses the file when a record cannot be understood: wrong types, a number that is not finite, an unknown
  image_id, an image id or file name that occurs twice.
- It leaves out, with one logged warning, boxes without area and boxes outside their frame.
- It keeps an identity that occurs twice in one frame (the first box is the true one) and a repeated annotation id, with
  the same warning. `check_dataset` lists every one of them.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datasets.boxes import FloatBoxes
from datasets.files import write_whole
from datasets.label_values import camera_value, name_key, person_number, written_name
from datasets.layouts import frame_crops
from datasets.layouts.crop_folders import CropScan
from datasets.layouts.custom_records import (
    clipped_box,
    parse_bbox,
    read_json,
    read_split,
)
from datasets.layouts.galleries import GalleryBuilder
from datasets.layouts.scan import BrokenFileError, DatasetNotFoundError, Problem, Scan
from datasets.samples import UNLABELLED, FrameSample, Query, QueryGallery

SPLIT_FILES = {"train": ("train.json",), "gallery": ("test.json", "gallery.json")}
QUERY_FILE = "queries.json"
_LAYOUT = "a folder with train.json, test.json and queries.json (COCO JSON with person_id), or one such JSON file"


def split_file(root: Path, split: str) -> Path:
    """The JSON file of a split.

    Args:
        root: The data set's folder, or the JSON file itself.
        split: "train" or "gallery".

    Raises:
        DatasetNotFoundError: Neither `root` nor a file of the layout's names below it is a file.
    """
    if root.is_file():
        return root
    for name in SPLIT_FILES[split]:
        if (root / name).is_file():
            return root / name
    state = f"has no {' or '.join(SPLIT_FILES[split])}" if root.is_dir() else "does not exist"
    raise DatasetNotFoundError(
        f"custom data set, split {split!r}: {root} {state}; expected {_LAYOUT}. Write the file, or convert a data set "
        "with `personsearch data convert`"
    )


def scan_frames(root: Path, split: str) -> Scan:
    """The frames of one split, in the file's own identities, together with every broken record.

    Args:
        root: A folder with train.json and test.json (or gallery.json), or a JSON file, which is then the split.
        split: "train" or "gallery".

    Raises:
        DatasetNotFoundError: There is no such file.
        BrokenFileError: The file is no JSON, or not of this layout.
    """
    return read_split(split_file(root, split))


def scan_queries(
    root: Path,
    same_camera: bool = False,
    *,
    queries: Path | None = None,
    gallery: Path | None = None,
    frames: Scan | None = None,
) -> tuple[list[Query], list[Problem]]:
    """The queries of queries.json, each with the split "gallery" as its gallery, together with every broken record.

    A query's own frame is never in its gallery. A query whose person is not in its gallery has no answer that could be
    found: it is left out and named, because an AP of 0 would say something about the data, not the search.

    Args:
        root: The data set's folder; beside a JSON file, its folder's queries.json is read.
        same_camera: False (cross-camera search) also leaves the frames of the query's camera out. Where a camera is
            unknown, nothing more than the own frame is left out.
        queries: A query file elsewhere.
        gallery: A gallery file elsewhere.
        frames: The gallery, where it has been read already.

    Raises:
        DatasetNotFoundError: The query file or the gallery file is not there.
        BrokenFileError: A file is not of this layout.
    """
    path = queries or (root.parent if root.is_file() else root) / QUERY_FILE
    if not path.is_file():
        raise DatasetNotFoundError(
            f"custom data set: no query file {path}; expected a JSON list of {{'crop', 'person_id', 'camera_id'}} or "
            "{'file_name', 'bbox', 'person_id'}: write it, or name one with --queries"
        )
    scan = frames or scan_frames(gallery or root, "gallery")
    problems = [problem for problem in scan.problems if problem.fatal]
    records = read_json(path)
    if not isinstance(records, list):
        what = f"is {type(records).__name__}, expected a list of queries"
        raise BrokenFileError(Problem(str(path), what, "write a JSON list"))
    builder = GalleryBuilder(scan.samples)
    frames_by_key = {name_key(sample.name): sample for sample in scan.samples}
    found: list[Query] = []
    for index, record in enumerate(records):
        where = f"{path.name}[{index}]"
        try:
            query = _query(record, path.parent, builder, frames_by_key, same_camera)
        except ValueError as error:
            problems.append(Problem(where, str(error), "correct the query or remove it"))
            continue
        if isinstance(query.gallery, QueryGallery) and query.gallery.true_boxes:
            found.append(query)
        else:
            what = f"person {query.person_id} is in no frame of the query's gallery, so nothing could be found"
            problems.append(
                Problem(where, what, "remove the query, or annotate the person in the gallery", fatal=False)
            )
    return found, problems


def scan_crops(root: Path, split: str, *, unlabelled: bool = False, same_camera: bool = False) -> CropScan:
    """The crops of one split, cut from the boxes of its frames or queries; `frame_crops.scan_crops` explains them.

    Args:
        root: The data set's folder.
        split: "train", "gallery" or "query".
        unlabelled: True also cuts the boxes of people without an identity.
        same_camera: True forgets the cameras, so that views of the query's own camera count too.
    """
    return frame_crops.scan_crops(
        scan_frames, scan_queries, root, split, unlabelled=unlabelled, same_camera=same_camera
    )


def _query(
    record: Any, folder: Path, builder: GalleryBuilder, frames: Mapping[str, FrameSample], same_camera: bool
) -> Query:
    """One record of the query file; raises ValueError with what is wrong."""
    if not isinstance(record, dict):
        raise ValueError(f"is {type(record).__name__}, expected an object")
    person_id = person_number(record.get("person_id"))
    if person_id == UNLABELLED:
        raise ValueError(f"person_id is {record.get('person_id')}; a query needs an identity")
    camera = camera_value(record.get("camera_id"))
    crop, frame = record.get("crop"), record.get("file_name")
    if (crop is None) == (frame is None):
        raise ValueError("needs either 'crop', or 'file_name' and 'bbox'")
    if crop is not None:
        if not isinstance(crop, str) or not crop:
            raise ValueError(f"crop is {crop!r}, expected a path")
        gallery = builder.gallery(person_id, None, None if same_camera else camera)
        return Query(person_id, gallery, crop=folder / written_name(folder, crop), camera=camera)
    sample = frames.get(name_key(written_name(folder, frame))) if isinstance(frame, str) else None
    if sample is None:
        raise ValueError(f"file_name {frame!r} is not a frame of the gallery file")
    x, y, width, height = parse_bbox(record.get("bbox"))
    box = clipped_box([x, y, x + width, y + height], sample.size) if width > 0 and height > 0 else None
    if box is None:
        raise ValueError(f"its box [{x:g}, {y:g}, {width:g}, {height:g}] has no area inside {sample.name}")
    camera = sample.camera if camera is None else camera
    gallery = builder.gallery(person_id, sample.name, None if same_camera else camera)
    return Query(person_id, gallery, frame=sample.name, box=np.asarray(box, dtype=np.float32), camera=camera)


def write_split(
    path: Path,
    samples: Sequence[FrameSample],
    sizes: Mapping[str, tuple[int, int]] | Sequence[tuple[int, int]] | None = None,
) -> None:
    """Write frames of any data set as one JSON file of this layout; an interrupted write leaves the old file whole.

    `person_id` is the sample's own (`person_ids`); an original number that differs is kept as `original_id`, which no
    reader needs. Ignored regions are written as `iscrowd` boxes.

    Args:
        path: The JSON file; image paths are written relative to its folder, and the folder is made where missing.
        samples: Frames with unique image paths.
        sizes: The (width, height) in pixels by frame name, or one for each sample in the same order. None takes the
            samples' own.

    Raises:
        ValueError: A frame has no size.
    """
    folder = path.parent.resolve()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    if sizes is None:
        sizes = {sample.name: sample.size for sample in samples if sample.size is not None}
    for index, sample in enumerate(samples):
        size = sizes.get(sample.name) if isinstance(sizes, Mapping) else sizes[index] if index < len(sizes) else None
        if size is None:
            raise ValueError(f"frame {sample.name} has no (width, height) in sizes; give one for each sample")
        image: dict[str, Any] = {
            "id": index + 1, "file_name": file_name_below(folder, sample.path), "width": int(size[0]),
            "height": int(size[1]), "frame_index": index,
        }  # fmt: skip
        if sample.camera is not None:
            image["camera_id"] = sample.camera
        if sample.timestamp is not None:
            image["timestamp"] = float(sample.timestamp)
        images.append(image)
        original_ids = sample.person_ids if sample.original_ids is None else sample.original_ids
        for box, person_id, original in zip(sample.boxes, sample.person_ids, original_ids, strict=True):
            record = _annotation(len(annotations) + 1, index + 1, box, int(person_id))
            annotations.append(record | ({} if original == person_id else {"original_id": int(original)}))
        for box in sample.ignore:
            annotations.append(_annotation(len(annotations) + 1, index + 1, box, UNLABELLED) | {"iscrowd": 1})
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
    _write_records(path, content)


def write_queries(path: Path, queries: Iterable[Query], samples: Sequence[FrameSample]) -> None:
    """Write queries of any data set as queries.json of this layout, beside the gallery's JSON file.

    Galleries are not written: in this layout the gallery is the split, see `scan_queries`.

    Args:
        path: The JSON file, in the folder of the gallery's JSON file.
        queries: Frame queries or crop queries.
        samples: The frames of the gallery, to translate frame names to file names.

    Raises:
        ValueError: A query's frame is not among the samples.
    """
    folder = path.parent.resolve()
    paths = {sample.name: sample.path for sample in samples}
    records: list[dict[str, Any]] = []
    for query in queries:
        record: dict[str, Any] = {"person_id": int(query.person_id)}
        if query.crop is not None:
            record["crop"] = file_name_below(folder, query.crop)
        elif query.frame in paths and query.box is not None:
            record |= {"file_name": file_name_below(folder, paths[query.frame]), "bbox": _bbox_xywh(query.box)}
        else:
            raise ValueError(f"query of person {query.person_id}: frame {query.frame!r} is not among the samples")
        if query.camera is not None:
            record["camera_id"] = query.camera
        records.append(record)
    _write_records(path, records)


def file_name_below(folder: Path, path: Path) -> str:
    """`path` relative to `folder` with forward slashes; absolute where the two share no drive.

    Args:
        folder: The folder of the JSON file.
        path: The picture.
    """
    try:
        return Path(os.path.relpath(path.resolve(), folder)).as_posix()
    except ValueError:
        return path.resolve().as_posix()


def _annotation(annotation_id: int, image_id: int, box: FloatBoxes, person_id: int) -> dict[str, Any]:
    bbox = _bbox_xywh(box)
    return {
        "id": annotation_id, "image_id": image_id, "category_id": 1, "bbox": bbox,
        "area": round(bbox[2] * bbox[3], 2), "iscrowd": 0, "person_id": person_id,
    }  # fmt: skip


def _bbox_xywh(box: FloatBoxes) -> list[float]:
    """x, y, width, height with so many decimals that reading gives the same float32 corners."""
    x1, y1, x2, y2 = (float(value) for value in box)
    return [round(value, 9) for value in (x1, y1, x2 - x1, y2 - y1)]


def _write_records(path: Path, content: Any) -> None:
    write_whole(path, json.dumps(content, ensure_ascii=False, allow_nan=False), durable=True)
