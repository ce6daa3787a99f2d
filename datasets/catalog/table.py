"""The one table of the data sets that can be read by name; loading, checking and the command line all use it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType
from typing import Any, Literal

FrameFormat = Literal["custom", "cuhk-sysu", "prw", "uestc-pr", "mot", "yolo", "cvat"]
"""The data sets of full frames, which `load_frames` reads, as the command line offers them."""

SearchFormat = Literal["custom", "cuhk-sysu", "prw", "uestc-pr"]
"""The data sets with a search protocol, which `load_queries` reads."""

CropFormat = Literal["market1501", "dukemtmc", "cuhk03", "msmt17", "csv", "cuhk-sysu", "prw", "custom", "uestc-pr"]
"""The data sets that `load_crops` reads."""

TrackingFormat = Literal["custom", "uestc-pr", "mot"]
"""The data sets whose frames follow one another, so that tracks can be judged."""

CheckFormat = Literal[FrameFormat, "market1501", "dukemtmc", "cuhk03", "msmt17", "csv"]
"""All of them: what `check_dataset` reads."""

FRAME_SPLITS = ("train", "gallery")
CROP_SPLITS = ("train", "gallery", "query")

_NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Layout:
    """How one data set is read. Its module is imported when the data set is first read, not before.

    Args:
        module: The module that reads the data set, of `datasets.layouts` or `datasets.labeling`.
        frames: True where it has full frames, which the module's `scan_frames` gives.
        queries: True where it has a search protocol, which the module's `scan_queries` gives.
        crop_scan: The name of the module's function that gives the crops.
        crops_to_check: The options of `crop_scan` that together reach every list and every picture which any of the
            data set's protocols uses; one entry for each call.
        json_file: True where a single JSON file may stand for the data set, and queries may be absent.
        crop_options: The options of `crop_scan` that a user may choose.
        recorded: True where frames are of cameras that went on recording; False for single pictures.
        judged_split: The split whose true tracks are public, which trackers are judged by.
        numbered_by_name: True where a frame's number is in its file's name; elsewhere frames count in time order.
        ignored_are_people: True where boxes to ignore are people, as MOTChallenge's; elsewhere they are areas, as
            COCO's crowds.
        shared_people: True where the same people come before several cameras.
    """

    module: str
    frames: bool = False
    queries: bool = False
    crop_scan: str = "scan_crops"
    crops_to_check: tuple[Mapping[str, Any], ...] = field(default=(_NO_OPTIONS,))
    json_file: bool = False
    crop_options: tuple[str, ...] = ()
    recorded: bool = True
    judged_split: Literal["train", "gallery"] = "gallery"
    numbered_by_name: bool = False
    ignored_are_people: bool = False
    shared_people: bool = True

    def function(self, name: str) -> Callable[..., Any]:
        """A function of the layout's module, for example `scan_frames`.

        Args:
            name: The function's name.
        """
        function: Callable[..., Any] = getattr(import_module(self.module), name)
        return function

    @property
    def crops(self) -> bool:
        """Whether the data set has crops: its own, or those of the boxes that its search protocol knows."""
        return self.queries or not self.frames


_CUT: Mapping[str, Any] = {"frames": True, "queries": True, "crop_options": ("unlabelled", "same_camera")}
"""Data sets of full frames with a search protocol, whose boxes are cut into crops."""

LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        "cuhk-sysu": Layout("datasets.layouts.cuhk_sysu", recorded=False, **_CUT),
        "prw": Layout("datasets.layouts.prw", **_CUT),
        "uestc-pr": Layout("datasets.layouts.uestc_pr", json_file=True, **_CUT),
        "custom": Layout("datasets.layouts.custom", json_file=True, **_CUT),
        "mot": Layout(
            "datasets.layouts.mot",
            frames=True,
            judged_split="train",
            numbered_by_name=True,
            ignored_are_people=True,
            shared_people=False,
        ),
        "yolo": Layout("datasets.labeling.yolo", frames=True, recorded=False),
        "cvat": Layout("datasets.labeling.cvat", frames=True),
        "market1501": Layout("datasets.layouts.market1501", crop_options=("split_by",)),
        "dukemtmc": Layout("datasets.layouts.market1501", crop_scan="scan_duke_crops"),
        "cuhk03": Layout(
            "datasets.layouts.cuhk03",
            crop_options=("protocol", "boxes", "fold"),
            crops_to_check=(
                {"boxes": "both"},
                {"protocol": "new", "boxes": "labeled"},
                {"protocol": "new", "boxes": "detected"},
            ),
        ),
        "msmt17": Layout(
            "datasets.layouts.msmt17", crop_options=("validation",), crops_to_check=({"validation": True},)
        ),
        "csv": Layout("datasets.layouts.csv_crops"),
    }
)
"""Name -> how the data set is read."""

FRAME_DATASETS = tuple(name for name, layout in LAYOUTS.items() if layout.frames)
"""The data sets of full frames, which `load_frames` reads."""

SEARCH_DATASETS = tuple(name for name, layout in LAYOUTS.items() if layout.queries)
"""The data sets with a search protocol, which `load_queries` reads."""

CROP_DATASETS = tuple(name for name, layout in LAYOUTS.items() if layout.crops)
"""The data sets that `load_crops` reads."""

CROP_ONLY_DATASETS = tuple(name for name, layout in LAYOUTS.items() if not layout.frames)
"""The data sets that have crops and no frames."""
