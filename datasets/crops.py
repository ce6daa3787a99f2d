"""Crops: the picture of any `CropSample`, and the crops of a full-frame split, cut from its boxes."""

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.images import ImageError, read_image
from datasets.layouts.crop_folders import CropScan
from datasets.layouts.scan import Problem, Scan
from datasets.samples import CropSample, FloatBoxes, FrameSample, Query, crop_name

_SAME_BOX = 0.5
_FRAMES_KEPT = 4
_CELL = re.compile(r"(\w+)\{([1-9]\d*)\}\{([1-9]\d*),([1-9]\d*)\}", re.ASCII)


def read_crop(sample: CropSample) -> NDArray[np.uint8]:
    """The picture of one crop.

    A box is cut at whole pixels: every pixel that it touches belongs to it. The last few frames stay in memory, so
    crops are read fastest in the order of `load_crops`.

    Returns:
        (H, W, 3) uint8 RGB, H and W >= 1.

    Raises:
        ImageError: the file is missing or no image, the box has no area inside the frame, or the archive has no such
            picture.
    """
    if sample.entry is not None:
        return _archived_picture(sample.path, sample.entry)
    if sample.box is None:
        return read_image(sample.path)
    return cut(_frame(sample.path), sample.box, sample.path)


def cut(image: NDArray[np.uint8], box: FloatBoxes, path: Path) -> NDArray[np.uint8]:
    """The pixels of a frame that a box touches, clipped to the frame.

    Args:
        image: (H, W, 3).
        box: (4,) xyxy pixels.
        path: the frame's file, for the error.

    Returns:
        (h, w, 3), h and w >= 1, a copy.

    Raises:
        ImageError: the box has no area inside the frame.
    """
    height, width = image.shape[:2]
    if np.isfinite(box).all():
        x1, y1 = np.floor(np.maximum(box[:2], 0)).astype(int)
        x2, y2 = np.ceil(np.minimum(box[2:], (width, height))).astype(int)
        if x2 > x1 and y2 > y1:
            return image[y1:y2, x1:x2].copy()
    corners = ", ".join(f"{corner:g}" for corner in box.tolist())
    reason = f"the box ({corners}) has no area inside the frame of {width}x{height} pixels"
    raise ImageError(path, reason, "correct the box or remove it")


def scan_crops(
    read_frames: Callable[[Path, str], Scan],
    read_queries: Callable[[Path, bool], tuple[list[Query], list[Problem]]],
    root: Path,
    split: str,
    *,
    unlabelled: bool = False,
    same_camera: bool = False,
) -> CropScan:
    """The crops of one split of a data set of full frames.

    "train" and "gallery" are all labelled boxes of the split's frames, "query" the boxes or crops of the protocol's
    queries. A query that is a box of the gallery has that box's name, so the identical crop can be told.

    Args:
        read_frames: called with root and split.
        read_queries: called with root and `same_camera`.
        root: the data set's folder.
        split: "train", "gallery" or "query".
        unlabelled: True also cuts the boxes of people without identity, with the identity UNLABELLED: distractors in
            the gallery.
        same_camera: True forgets the cameras of gallery and queries, so that views of the query's own camera count as
            answers too, all but the identical crop.
    """
    frames = read_frames(root, "train" if split == "train" else "gallery")
    if split == "query":
        queries, problems = read_queries(root, same_camera)
        scan = CropScan(query_crops(queries, frames.samples), problems)
    else:
        scan = CropScan(frame_crops(frames.samples, unlabelled), frames.problems)
    if split == "train" or not same_camera:
        return scan
    return CropScan([replace(sample, camera=None) for sample in scan.samples], scan.problems)


def frame_crops(samples: list[FrameSample], unlabelled: bool = False) -> list[CropSample]:
    """A crop for each box with an identity, frame by frame; see `scan_crops`."""
    crops: list[CropSample] = []
    for frame in samples:
        original_ids = frame.person_ids if frame.original_ids is None else frame.original_ids
        for box, person_id, original_id in zip(frame.boxes, frame.person_ids.tolist(), original_ids.tolist()):
            if person_id >= 0 or unlabelled:
                name = crop_name(frame.name, box)
                crop = CropSample(frame.path, person_id, frame.camera, box, original_id=original_id, name=name)
                crops.append(crop)
    return crops


def query_crops(queries: list[Query], frames: list[FrameSample]) -> list[CropSample]:
    """A crop for each query; one that is a box of its frame takes that box's name, although protocols round twice."""
    frame_of = {frame.name: frame for frame in frames}
    crops: list[CropSample] = []
    for query in queries:
        if query.crop is not None:
            crops.append(CropSample(query.crop, query.person_id, query.camera))
        elif query.frame is not None and query.box is not None:
            frame = frame_of[query.frame]
            name = crop_name(frame.name, _own_box(frame, query.person_id, query.box))
            crops.append(CropSample(frame.path, query.person_id, query.camera, query.box, name=name))
    return crops


def _own_box(frame: FrameSample, person_id: int, box: FloatBoxes) -> FloatBoxes:
    """The person's box in the frame that is the same as `box`, which itself is the answer where there is none."""
    boxes = frame.boxes[frame.person_ids == person_id]
    if not len(boxes):
        return box
    sides = np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])
    shared = np.prod(np.maximum(sides, 0), axis=1)
    union = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) + np.prod(box[2:] - box[:2]) - shared
    best = int(np.argmax(shared / union))
    return boxes[best] if shared[best] > _SAME_BOX * union[best] else box


def query_groups(queries: list[CropSample], pool: list[CropSample]) -> list[list[CropSample]]:
    """For each query the crops of its person and camera in `pool`, for multi-query search; itself where none is."""
    groups: dict[tuple[int, object], list[CropSample]] = defaultdict(list)
    for crop in pool:
        groups[crop.person_id, crop.camera].append(crop)
    return [groups.get((query.person_id, query.camera), [query]) for query in queries]


def _frame(path: Path) -> NDArray[np.uint8]:
    try:
        status = path.stat()
    except OSError:
        return read_image(path)  # says what is wrong
    return _frame_version(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=_FRAMES_KEPT)
def _frame_version(path: Path, changed: int, size: int) -> NDArray[np.uint8]:
    """Most frames show several people; a file that changes is read again."""
    image = read_image(path)
    image.setflags(write=False)
    return image


def _archived_picture(path: Path, entry: str) -> NDArray[np.uint8]:
    """A picture of a MATLAB 7.3 file, which is HDF5 with all axes reversed; `entry` is written as in MATLAB.

    Objects are not addressed by their HDF5 names: finding the name of one searches the whole file.
    """
    import h5py  # 0.2 s that only CUHK03 should pay

    address = _CELL.fullmatch(entry)
    if address is None:
        raise ImageError(path, f"{entry!r} is no picture's address", "expected one like labeled{1}{12,3}")
    if not path.is_file():
        raise ImageError(path, "the file does not exist", "put the archive there or correct the path")
    cell, row, column = (int(number) - 1 for number in address.groups()[1:])
    try:
        with h5py.File(path, "r", locking=False) as archive:
            table = archive[archive[address[1]][()].ravel()[cell]]
            picture = np.asarray(archive[table[column, row]]).T
    except (OSError, KeyError, ValueError, IndexError, TypeError, AttributeError) as error:
        reason = f"has no readable picture {entry} ({str(error).strip(chr(39))})"
        raise ImageError(path, reason, "copy the archive again") from error
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        reason = f"{entry} is {picture.dtype} {picture.shape}, expected uint8 (H, W, 3)"
        raise ImageError(path, reason, "copy the archive again")
    return np.ascontiguousarray(picture)
