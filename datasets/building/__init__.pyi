"""The names that `__init__.py` imports when they are first used, for type checkers."""

from datasets.building.build import BuildSummary, Grouping, build_dataset, recorded_frames
from datasets.building.recorded_boxes import RecordingError, TrackId, read_identities
from datasets.building.recordings import Recording, RecordingFormat, find_recordings
from datasets.building.splitting import FrameSharing, choose_queries, sightings

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
