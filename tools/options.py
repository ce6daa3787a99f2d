"""Which part of a crop data set a command reads: options that belong to single layouts."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

CropFormat = Literal[
    "market1501", "dukemtmc", "cuhk03", "msmt17", "csv", "cuhk-sysu", "prw", "custom", "uestc-pr"
]  # fmt: skip
FRAMES = ("cuhk-sysu", "prw", "custom", "uestc-pr")
OPTIONS: dict[str, tuple[str, ...]] = {
    "market1501": ("split_by",),
    "cuhk03": ("protocol", "boxes", "fold"),
    "msmt17": ("validation",),
    **{name: ("unlabelled", "same_camera") for name in FRAMES},
}


@dataclass(frozen=True)
class CropOptions:
    """Options of single layouts; those of other layouts must stay at their defaults.

    Args:
        split_by: market1501: "files" is the official protocol, "identities" open-reid's larger one.
        protocol: cuhk03: "classic" (20 folds of 100 test people) or "new" (767/700).
        boxes: cuhk03: "labeled", "detected" or, classic only, "both".
        fold: cuhk03, classic: 0 to 19.
        validation: msmt17: train on the validation list too.
        unlabelled: full frames: people without an identity stay in the gallery, as distractors.
        same_camera: full frames: the query's own camera counts.
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
            ValueError: an option of another layout was set.
        """
        allowed = OPTIONS.get(layout, ())
        for item in dataclasses.fields(self):
            if item.name not in allowed and getattr(self, item.name) != item.default:
                owners = ", ".join(name for name, options in OPTIONS.items() if item.name in options)
                raise ValueError(
                    f"--data.{item.name} {getattr(self, item.name)} has no meaning for {layout}; it is for {owners}"
                )
        return {name: getattr(self, name) for name in allowed}
