"""Which part of a crop data set a command reads: options that belong to single layouts."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from datasets.catalog.table import LAYOUTS


@dataclass(frozen=True)
class CropOptions:
    """Options of single layouts; those of other layouts must stay at their defaults.

    Args:
        split_by: Which split of market1501 is read: "files" is the official one, "identities" open-reid's larger one.
        protocol: Which protocol of cuhk03 is read: "classic" (20 folds of 100 test people) or "new" (767/700).
        boxes: Which boxes of cuhk03 are read: "labeled", "detected" or, with the classic protocol, "both".
        fold: Which fold of cuhk03's classic protocol is read, from 0 to 19.
        validation: Whether msmt17's training takes the validation list too.
        unlabelled: Whether people without an identity stay in the gallery of full frames, as distractors.
        same_camera: Whether people seen by the query's own camera count, in full frames.
    """

    split_by: Literal["files", "identities"] = "files"
    protocol: Literal["classic", "new"] = "classic"
    boxes: Literal["labeled", "detected", "both"] = "labeled"
    fold: int = 0
    validation: bool = False
    unlabelled: bool = False
    same_camera: bool = False

    def of(self, layout: str) -> dict[str, Any]:
        """The options that `datasets.load_crops` takes for a layout.

        Raises:
            ValueError: An option of another layout was set.
        """
        allowed = LAYOUTS[layout].crop_options
        for item in dataclasses.fields(self):
            if item.name not in allowed and getattr(self, item.name) != item.default:
                owners = ", ".join(name for name, one in LAYOUTS.items() if item.name in one.crop_options)
                raise ValueError(
                    f"--data.{item.name} {getattr(self, item.name)} has no meaning for {layout}; it is for {owners}"
                )
        return {name: getattr(self, name) for name in allowed}
