"""Crops: the picture of any `CropSample`, and the crops of a full-frame split, cut from its boxes."""

import re
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.boxes import FloatBoxes, cut
from datasets.images import ImageError, read_image
from datasets.samples import CropSample, FrameSample

_SAME_BOX = 0.5
_FRAMES_KEPT = 4
_CELL = re.compile(r"(\w+)\{([1-9]\d*)\}\{([1-9]\d*),([1-9]\d*)\}", re.ASCII)


def read_crop(sample: CropSample) -> NDArray[np.uint8]:
    """The picture of one crop.

    A box is cut at whole pixels: every pixel that it touches belongs to it. The last few frames stay in memory, so
    crops are read fastest in the order of `load_crops`.

    Args:
        sample: The crop: a whole picture, a box in a frame, or a picture in an archive.

    Returns:
        (H, W, 3) uint8 RGB, H and W >= 1.

    Raises:
        ImageError: The file is missing or no image, the box has no area inside the frame, or the archive has no such
            picture.
    """
    if sample.entry is not None:
        return _archived_picture(sample.path, sample.entry)
    if sample.box is None:
        return read_image(sample.path)
    frame = _frame(sample.path)
    _require_size(sample.path, frame, sample.frame_size)
    return _cut(frame, sample.box, sample.path)


def read_frame(sample: FrameSample) -> NDArray[np.uint8]:
    """The picture of one frame of a data set.

    Args:
        sample: The frame. Where its data set states the picture's size, the picture must have that size: otherwise its
            boxes would lie on other pixels than those that somebody drew them on.

    Returns:
        A picture (H, W, 3) of uint8 RGB.

    Raises:
        ImageError: The file is missing or no image, or has another size than the data set says.
    """
    image = read_image(sample.path)
    _require_size(sample.path, image, sample.size)
    return image


def size_difference(picture: tuple[int, int], stated: tuple[int, int]) -> tuple[str, str]:
    """What is wrong with a picture whose size is not the one that a data set states, and the remedy.

    Args:
        picture: The width and the height of the picture.
        stated: The width and the height that the data set states.
    """
    what = f"the image is {picture[0]} x {picture[1]}, the annotation says {stated[0]} x {stated[1]}"
    turned = picture == (stated[1], stated[0])
    remedy = "apply its EXIF orientation to size and boxes" if turned else "correct width, height and boxes"
    return what, remedy


def _require_size(path: Path, image: NDArray[np.uint8], stated: tuple[int, int] | None) -> None:
    height, width = image.shape[:2]
    if stated is not None and stated != (width, height):
        raise ImageError(path, *size_difference((width, height), stated))


def _cut(image: NDArray[np.uint8], box: FloatBoxes, path: Path) -> NDArray[np.uint8]:
    """A copy (h, w, 3) of the pixels of a frame that a box touches; raises ImageError where there are none."""
    crop = cut(image, box)
    if crop.size:
        return crop.copy()
    height, width = image.shape[:2]
    corners = ", ".join(f"{corner:g}" for corner in box.tolist())
    reason = f"the box ({corners}) has no area inside the frame of {width}x{height} pixels"
    raise ImageError(path, reason, "correct the box or remove it")


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
