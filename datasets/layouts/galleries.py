"""Galleries of queries over one set of frames: everything but the query's own frame, with or without its camera."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from datasets.boxes import FloatBoxes
from datasets.samples import Camera, FrameSample, QueryGallery, camera_name


class GalleryBuilder:
    """Builds the galleries of many queries that share one list of frames (PRW's protocol, and the custom layout's).

    Args:
        samples: The frames of the split "gallery" in protocol order. No name occurs twice.
    """

    def __init__(self, samples: Sequence[FrameSample]) -> None:
        self.frames = tuple(sample.name for sample in samples)
        self.rows = {name: row for row, name in enumerate(self.frames)}
        self.cameras = [sample.camera for sample in samples]
        self._camera_names = np.asarray([camera_name(camera) or "" for camera in self.cameras], dtype=str)
        self._sightings: dict[int, list[tuple[int, FloatBoxes]]] = {}
        for row, sample in enumerate(samples):
            people, first = np.unique(sample.person_ids, return_index=True)
            for person, index in zip(people.tolist(), first.tolist(), strict=True):
                if person >= 0:
                    self._sightings.setdefault(person, []).append((row, sample.boxes[index]))
        self._members: dict[tuple[int, str], NDArray[np.int64]] = {}

    def gallery(self, person_id: int, own_frame: str | None, skipped_camera: Camera | None = None) -> QueryGallery:
        """All frames but the query's own, and but those of one camera, in the order of the split.

        The true box is the person's first box in a frame, as the published PRW evaluation takes it.

        Args:
            person_id: The identity looked for.
            own_frame: The query's frame; None for a crop.
            skipped_camera: The camera whose frames are left out; None keeps all. Frames without a camera stay.
        """
        own_row = -1 if own_frame is None else self.rows.get(own_frame, -1)
        members = self._rows_without(own_row, camera_name(skipped_camera) or "")
        true_boxes: dict[int, FloatBoxes] = {}
        for row, box in self._sightings.get(person_id, ()):
            position = int(np.searchsorted(members, row))
            if position < len(members) and members[position] == row:
                true_boxes[position] = box
        return QueryGallery(self.frames, members, true_boxes)

    def _rows_without(self, own_row: int, camera: str) -> NDArray[np.int64]:
        """Ascending rows; queries of one frame and camera share the array."""
        key = (own_row, camera)
        if key not in self._members:
            keep = self._camera_names != camera if camera else np.ones(len(self.frames), dtype=bool)
            if own_row >= 0:
                keep[own_row] = False
            self._members[key] = np.flatnonzero(keep).astype(np.int64)
        return self._members[key]
