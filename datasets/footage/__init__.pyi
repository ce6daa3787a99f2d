"""The names that `__init__.py` imports when they are first used, for type checkers."""

from datasets.footage.cameras import CameraDescription
from datasets.footage.cameras_file import CameraEntry, read_cameras
from datasets.footage.folders import SourceError
from datasets.footage.reading import Reading
from datasets.footage.sources import count_frames, frames_from_source
from datasets.footage.streams import is_stream, public_name
from datasets.footage.videos import FrameError, Item, Picking, count_video_frames, video_items

__all__ = [
    "CameraDescription",
    "CameraEntry",
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
    "read_cameras",
    "video_items",
]
