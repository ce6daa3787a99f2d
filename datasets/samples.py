"""The shared vocabulary: frames, samples of frames and crops, queries and their galleries.

Everywhere inside the project boxes are (x1, y1, x2, y2) float32 pixels of the original image, images are
RGB, and a person whose identity is unknown has the identity UNLABELLED.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from datasets.boxes import FloatBoxes, as_boxes

UNLABELLED = -1
"""A person of unknown identity: a positive for detection, never an anchor of an identity loss."""

BACKGROUND = -2
"""A proposal that is no person."""

Camera = int | str
GalleryEntry = tuple[str, FloatBoxes | None]


def canonical_camera(camera: Camera | None) -> Camera | None:
    """One way to write a camera down, so that one camera is not taken for two.

    Files write the same camera as 6 and as "6", with blanks around it, or with letters composed in another way. A text
    that is a number as this project prints it becomes that number; "06" stays a text, for it may name another folder.

    Args:
        camera: A number or a text; None or a blank text where the camera is not known.

    >>> canonical_camera("6"), canonical_camera("06"), canonical_camera(" Hall "), canonical_camera("")
    (6, '06', 'Hall', None)
    """
    if camera is None:
        return None
    text = unicodedata.normalize("NFC", str(camera)).strip()
    if text.isascii() and text.removeprefix("-").isdecimal() and str(int(text)) == text:
        return int(text)
    return text or None


def camera_name(camera: Camera | None) -> str | None:
    """The text by which cameras are compared; None for an unknown camera.

    Args:
        camera: A number or a text, however it is written; None for an unknown camera.

    >>> camera_name(6) == camera_name("6")
    True
    """
    known = canonical_camera(camera)
    return None if known is None else str(known)


@dataclass(frozen=True)
class Frame:
    """One decoded picture of a source.

    Args:
        name: A name that no other frame of the source has: a file name, or "video.mp4#t=000012.000".
        image: (H, W, 3) uint8 RGB.
        camera: The camera that took it, None where the source does not know.
        timestamp: Seconds since the epoch (UTC) where the source knows the clock, otherwise seconds since the
            start of the recording; None for single pictures without a time.
    """

    name: str
    image: NDArray[np.uint8]
    camera: Camera | None = None
    timestamp: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "camera", canonical_camera(self.camera))
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            raise ValueError(
                f"frame {self.name}: image is {self.image.dtype} {self.image.shape}, expected uint8 (H, W, 3) RGB"
            )


@dataclass(frozen=True)
class FrameSample:
    """One annotated frame of a data set.

    Args:
        name: A name that no other frame of the data set has; queries and detections refer to it.
        path: The image file.
        boxes: (N, 4) float32 xyxy pixels.
        person_ids: (N,) int64, >= 0 or UNLABELLED. In the split "train" identities are 0 .. P-1 without gaps, so
            that they index a memory table; in other splits they are the data set's own.
        camera: None where the data set does not know.
        original_ids: (N,) int64, the identities as the data set's files write them.
        timestamp: Seconds since the epoch (UTC) or since the start of the recording; None where there is no time.
        ignore: (M, 4) float32 boxes of regions that are neither person nor background (MOTChallenge).
        size: The (width, height) in pixels that the data set states for the picture; None where it states none.
    """

    name: str
    path: Path
    boxes: FloatBoxes
    person_ids: NDArray[np.int64]
    camera: Camera | None = None
    original_ids: NDArray[np.int64] | None = None
    timestamp: float | None = None
    ignore: FloatBoxes = field(default_factory=lambda: np.zeros((0, 4), dtype=np.float32))
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "camera", canonical_camera(self.camera))
        object.__setattr__(self, "boxes", as_boxes(self.boxes))
        object.__setattr__(self, "ignore", as_boxes(self.ignore))
        object.__setattr__(self, "person_ids", np.asarray(self.person_ids, dtype=np.int64).reshape(-1))
        original = self.person_ids if self.original_ids is None else self.original_ids
        object.__setattr__(self, "original_ids", np.asarray(original, dtype=np.int64).reshape(-1))
        if len(self.boxes) != len(self.person_ids):
            raise ValueError(f"frame {self.name}: {len(self.boxes)} boxes but {len(self.person_ids)} person ids")


@dataclass(frozen=True)
class CropSample:
    """One picture of one person: a whole image file, a cut of a frame (`box`) or a picture in an archive (`entry`).

    Two samples are equal where everything but the box array itself is; `name` tells boxes apart.

    Args:
        path: The image file; with `box` the frame's image file, with `entry` the archive (a MATLAB 7.3 file).
        person_id: >= 0 or UNLABELLED; in the split "train" 0 .. P-1 without gaps.
        camera: None where unknown.
        box: (4,) xyxy pixels of the frame at `path`, None where the whole picture is the crop.
        entry: The picture's address inside the archive at `path`, as MATLAB writes it: "labeled{1}{12,3}".
        original_id: The identity as the data set's files write it; by default `person_id`.
        name: The same for the same crop whichever split it is read in, and for no other crop of the data set; by
            default made of path, entry and box.
        frame_size: The (width, height) in pixels that the data set states for the frame's picture; None where it
            states none.
    """

    path: Path
    person_id: int
    camera: Camera | None = None
    box: FloatBoxes | None = field(default=None, compare=False)
    entry: str | None = None
    original_id: int | None = None
    name: str = ""
    frame_size: tuple[int, int] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "camera", canonical_camera(self.camera))
        if self.box is not None and self.entry is not None:
            raise ValueError(f"crop {self.path}: has both a box and an entry, expected one of them or neither")
        if self.box is not None:
            object.__setattr__(self, "box", np.asarray(self.box, dtype=np.float32).reshape(4))
        if self.original_id is None:
            object.__setattr__(self, "original_id", self.person_id)
        if not self.name:
            object.__setattr__(self, "name", crop_name(self.path.as_posix(), self.box, self.entry))


def crop_name(name: str, box: FloatBoxes | None = None, entry: str | None = None) -> str:
    """The name of a crop: its picture's, then "#" and the entry or the box's corners where it has one.

    Args:
        name: The name of the picture.
        box: The box (4,) in the picture, where the crop is a cut of it.
        entry: The address in the archive, where the picture is one.
    """
    if box is not None:
        return f"{name}#" + ",".join(f"{corner:g}" for corner in box.tolist())
    return name if entry is None else f"{name}#{entry}"


@dataclass(frozen=True)
class QueryGallery(Sequence[GalleryEntry]):
    """The gallery of one query, in protocol order: pairs (frame name, true box of the person there | None).

    Queries over one large gallery share `frames`; only what differs is stored per query.

    Args:
        frames: Frame names, shared by many queries.
        members: (G,) int64 rows of `frames` in protocol order; a row may occur twice (CUHK-SYSU has such queries).
        true_boxes: Position in `members` -> (4,) float32 box of the person in that frame.
    """

    frames: tuple[str, ...]
    members: NDArray[np.int64]
    true_boxes: Mapping[int, FloatBoxes]

    def __len__(self) -> int:
        return len(self.members)

    @overload
    def __getitem__(self, position: int) -> GalleryEntry: ...
    @overload
    def __getitem__(self, position: slice) -> list[GalleryEntry]: ...
    def __getitem__(self, position: int | slice) -> GalleryEntry | list[GalleryEntry]:
        if isinstance(position, slice):
            return [self[i] for i in range(*position.indices(len(self)))]
        if not -len(self) <= position < len(self):
            raise IndexError(f"gallery position {position}, expected less than {len(self)}")
        position %= len(self)
        return self.frames[self.members[position]], self.true_boxes.get(position)

    def __iter__(self) -> Iterator[GalleryEntry]:
        return (self[position] for position in range(len(self)))


@dataclass(frozen=True)
class Query:
    """A person to look for: either a box in a full frame (`frame` and `box`) or a picture of the person (`crop`).

    Args:
        person_id: The identity looked for, in the numbering of the split "gallery".
        gallery: Pairs of a frame's name and the person's true box there, or None, in protocol order.
        frame: The name of the query's frame in the split "gallery".
        box: (4,) float32 xyxy pixels in that frame.
        crop: An image file that shows the person alone.
        camera: The query's camera, None where unknown.
    """

    person_id: int
    gallery: Sequence[GalleryEntry]
    frame: str | None = None
    box: FloatBoxes | None = None
    crop: Path | None = None
    camera: Camera | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "camera", canonical_camera(self.camera))
        if self.box is not None:
            object.__setattr__(self, "box", np.asarray(self.box, dtype=np.float32).reshape(4))
        if (self.crop is None) == (self.frame is None) or (self.frame is None) != (self.box is None):
            raise ValueError(f"query of person {self.person_id}: give either a crop, or a frame and a box in it")
