"""The crops of a data set of full frames, cut from the boxes of its frames and queries."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from datasets.boxes import FloatBoxes, box_overlap
from datasets.layouts.crop_folders import CropScan
from datasets.layouts.scan import Problem, Scan
from datasets.samples import CropSample, FrameSample, Query, crop_name

_SAME_BOX = 0.5
"""A query's box and a box of its frame are the same when they share more than this; protocols round coordinates."""


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
        read_frames: The layout's reader of frames; it is called with root and split.
        read_queries: The layout's reader of queries; it is called with root and `same_camera`.
        root: The data set's folder.
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
    """A crop for each box with an identity, frame by frame; see `scan_crops`.

    Args:
        samples: The frames.
        unlabelled: True also gives the boxes of people without an identity.
    """
    crops: list[CropSample] = []
    for frame in samples:
        original_ids = frame.person_ids if frame.original_ids is None else frame.original_ids
        for box, person_id, original_id in zip(frame.boxes, frame.person_ids.tolist(), original_ids.tolist()):
            if person_id >= 0 or unlabelled:
                name = crop_name(frame.name, box)
                crop = CropSample(
                    frame.path, person_id, frame.camera, box, original_id=original_id, name=name, frame_size=frame.size
                )
                crops.append(crop)
    return crops


def query_crops(queries: list[Query], frames: list[FrameSample]) -> list[CropSample]:
    """A crop for each query; one that is a box of its frame takes that box's name, although protocols round twice.

    Args:
        queries: The queries, which are boxes in frames or pictures of their own.
        frames: The frames in which the queries' boxes lie.
    """
    frame_of = {frame.name: frame for frame in frames}
    crops: list[CropSample] = []
    for query in queries:
        if query.crop is not None:
            crops.append(CropSample(query.crop, query.person_id, query.camera))
        elif query.frame is not None and query.box is not None:
            frame = frame_of[query.frame]
            name = crop_name(frame.name, _own_box(frame, query.person_id, query.box))
            crops.append(
                CropSample(frame.path, query.person_id, query.camera, query.box, name=name, frame_size=frame.size)
            )
    return crops


def _own_box(frame: FrameSample, person_id: int, box: FloatBoxes) -> FloatBoxes:
    """The person's box in the frame that is the same as `box`, which itself is the answer where there is none."""
    boxes = frame.boxes[frame.person_ids == person_id]
    if not len(boxes):
        return box
    shared = box_overlap(boxes, box)  # [N]
    best = int(np.argmax(shared))
    return boxes[best] if shared[best] > _SAME_BOX else box
