"""What the readers of crop data sets share: folders of pictures whose names say person and camera."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from datasets.images import IMAGE_SUFFIXES
from datasets.layouts.scan import DatasetNotFoundError, Problem
from datasets.samples import CropSample


@dataclass(frozen=True)
class CropScan:
    """What reading one split of crops gave: the good records, in the files' own identities, and the broken ones.

    Args:
        samples: The crops that could be read, sorted.
        problems: The records that could not be read, or that are doubtful.
    """

    samples: list[CropSample]
    problems: list[Problem]


def scan_folder(folder: Path, pattern: re.Pattern[str], example: str) -> CropScan:
    """The pictures of one folder, sorted by name; only base names are looked at.

    Hidden files (the "._" files of a Mac among them) and files that are no pictures (Thumbs.db) are passed over. A
    picture whose name does not match is left out and named.

    Args:
        folder: The folder that holds the pictures; its sub-folders are not looked into.
        pattern: What a whole file name matches; its groups "person" and "camera" are numbers.
        example: A right name, which the remedy shows.

    Raises:
        DatasetNotFoundError: There is no picture with such a name.
    """
    samples: list[CropSample] = []
    problems: list[Problem] = []
    for name in picture_names(folder):
        found = pattern.fullmatch(name)
        if found is None:
            where, what = f"{folder.name}/{name}", "the name does not say person and camera"
            problems.append(Problem(where, what, f"expected a name like {example}; rename or remove it", fatal=False))
            continue
        samples.append(CropSample(folder / name, int(found["person"]), int(found["camera"]), name=name))
    if not samples:
        raise DatasetNotFoundError(
            f"{folder} has {len(problems) or 'no'} pictures and none with a name like {example}; give the "
            "folder of the data set itself, or unpack its archive again"
        )
    return CropScan(samples, problems)


def picture_names(folder: Path) -> list[str]:
    """The base names of the picture files of a folder, sorted, without hidden ones.

    Args:
        folder: The folder; its sub-folders are not looked into.
    """
    names = (path.name for path in folder.iterdir())
    return sorted(name for name in names if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES)


def contiguous_crop_ids(samples: Sequence[CropSample]) -> list[CropSample]:
    """The same crops with identities 0 .. P-1 without gaps, in the order of the original numbers.

    The original numbers stay in `original_id`; crops of unlabelled people stay unlabelled.

    Args:
        samples: The crops of one split.
    """
    identities = sorted({sample.person_id for sample in samples if sample.person_id >= 0})
    new_id = {person_id: index for index, person_id in enumerate(identities)}
    return [replace(sample, person_id=new_id.get(sample.person_id, sample.person_id)) for sample in samples]


def one_of(option: str, value: object, known: Sequence[object]) -> None:
    """Refuse an option's value that is not among the known ones.

    Args:
        option: The name of the option.
        value: What the user gave.
        known: The values that are allowed.

    Raises:
        ValueError: The value is not one of them; the text names all.
    """
    if value not in known:
        raise ValueError(f"{option} is {value!r}, expected one of {', '.join(map(str, known))}")
