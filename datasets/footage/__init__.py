"""Footage of any kind as frames: pictures, folders, video files and streams."""

from importlib import import_module

_HOMES = {
    "CameraDescription": "datasets.footage.cameras",
    "CameraEntry": "datasets.footage.cameras_file",
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
    "read_cameras": "datasets.footage.cameras_file",
    "video_items": "datasets.footage.videos",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
