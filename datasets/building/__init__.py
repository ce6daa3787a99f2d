"""A data set made from recordings: videos or pictures, and the boxes that somebody drew."""

from importlib import import_module

_HOMES = {
    "BuildSummary": "datasets.building.build",
    "FrameSharing": "datasets.building.splitting",
    "Grouping": "datasets.building.build",
    "Recording": "datasets.building.recordings",
    "RecordingError": "datasets.building.recorded_boxes",
    "RecordingFormat": "datasets.building.recordings",
    "TrackId": "datasets.building.recorded_boxes",
    "build_dataset": "datasets.building.build",
    "choose_queries": "datasets.building.splitting",
    "find_recordings": "datasets.building.recordings",
    "read_identities": "datasets.building.recorded_boxes",
    "recorded_frames": "datasets.building.build",
    "sightings": "datasets.building.splitting",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
