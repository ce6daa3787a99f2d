"""Footage of any kind as frames: pictures, folders, video files and streams."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets.footage.folders import SourceError
    from datasets.footage.reading import Reading
    from datasets.footage.sources import count_frames, frames_from_source
    from datasets.footage.streams import is_stream, public_name
    from datasets.footage.videos import FrameError, Item, Picking, count_video_frames, video_items
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = [
    "FrameError",
    "Item",
    "Picking",
    "Reading",
    "SourceError",
    "count_frames",
    "count_video_frames",
    "frames_from_source",
    "is_stream",
    "public_name",
    "video_items",
]

_HOMES = {
    "FrameError": "datasets.footage.videos",
    "Item": "datasets.footage.videos",
    "Picking": "datasets.footage.videos",
    "Reading": "datasets.footage.reading",
    "SourceError": "datasets.footage.folders",
    "count_frames": "datasets.footage.sources",
    "count_video_frames": "datasets.footage.videos",
    "frames_from_source": "datasets.footage.sources",
    "is_stream": "datasets.footage.streams",
    "public_name": "datasets.footage.streams",
    "video_items": "datasets.footage.videos",
}
