"""Where the pictures of a file of CVAT are: named by the file itself, or the numbered frames of its video."""

from collections.abc import Collection
from pathlib import Path

from datasets.frame_numbers import in_order, own_numbers
from datasets.images import IMAGE_SUFFIXES
from datasets.label_values import written_name
from datasets.labeling.cvat_boxes import Reading
from datasets.layouts.scan import Problem

_FOLDERS = ("images", "frames", "data", "")


def picture_named(file: Path, name: str, subset: str | None) -> Path:
    """The picture that an <image> names; where none is there, the place where it should be.

    Args:
        file: The XML file.
        name: The name, which may have folders in it.
        subset: The part of the data set that the picture belongs to, where the file says one.
    """
    folders = [file.parent / folder for folder in _FOLDERS]
    if subset:
        folders += [file.parent / "images" / subset, file.parent / subset]
    candidates = [folder / written_name(folder, name) for folder in folders]
    return next((candidate for candidate in candidates if candidate.is_file()), candidates[0])


def numbered_pictures(file: Path, rows: Collection[int], size: int | None, reading: Reading) -> dict[int, Path]:
    """Frame -> picture of the video that a file is about.

    CVAT counts frames from 0 and exports them as images/frame_000000.png. Pictures that are numbered from 1 without a
    gap, as many as the video has frames, belong to the frames from 0 on all the same.

    Args:
        file: The XML file.
        rows: The frames that have boxes.
        size: How many frames the file says that the video has, None where it does not say.
        reading: What is named and counted.
    """
    folders = (file.parent / folder for folder in (*_FOLDERS[:-1], file.stem, ""))
    found = next((there for folder in folders if (there := _pictures(folder))), [])
    if not found:
        what = f"has no picture of the video's frames (looked in {', '.join(_FOLDERS[:-1])} and {file.stem})"
        remedy = 'export with "Save images", or write the frames to images/frame_000000.jpg and so on'
        reading.problems.append(Problem(str(file), what, remedy))
        return {}
    pictures = in_order(found)
    try:
        numbers = own_numbers(pictures) or list(range(len(pictures)))
    except ValueError as error:
        reading.problems.append(Problem(str(file), str(error), "keep one picture for each frame"))
        return {}
    from_one = numbers == list(range(1, len(pictures) + 1))
    if from_one and (len(pictures) == size or (size is None and 0 in rows)):
        reading.counts["pictures are numbered from 1: picture 1 is frame 0"] += len(pictures)
        numbers = list(range(len(pictures)))
    missing = sorted(set(rows) - set(numbers))
    if missing:
        what = f"{len(missing)} frames have boxes and no picture, the first is frame {missing[0]}"
        remedy = "put the pictures there, numbered as the XML counts frames: from 0 on"
        reading.problems.append(Problem(str(file), what, remedy, fatal=len(missing) == len(set(rows))))
    return dict(zip(numbers, pictures, strict=True))


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != "."]
