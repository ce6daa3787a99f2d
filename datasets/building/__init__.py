"""A data set made from recordings: videos or pictures, and the boxes that somebody drew."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets.building.build import BuildSummary, Grouping, build_dataset, recorded_frames
    from datasets.building.recorded_boxes import RecordingError, TrackId, read_identities
    from datasets.building.recordings import Recording, RecordingFormat, find_recordings
    from datasets.building.splitting import FrameSharing, choose_queries, sightings
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = [
    "BuildSummary",
    "FrameSharing",
    "Grouping",
    "Recording",
    "RecordingError",
    "RecordingFormat",
    "TrackId",
    "build_dataset",
    "choose_queries",
    "find_recordings",
    "read_identities",
    "recorded_frames",
    "sightings",
]

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
