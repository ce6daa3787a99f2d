"""A seeded synthetic square with five calibrated cameras: data for the demo, the tests and the documents."""

from datasets.plaza.cameras import PlazaCamera, plaza_cameras
from datasets.plaza.looks import Look, draw_looks
from datasets.plaza.recordings import RecordingsSummary, write_recordings
from datasets.plaza.world import PlazaSummary, write_plaza

__all__ = [
    "Look",
    "PlazaCamera",
    "PlazaSummary",
    "RecordingsSummary",
    "draw_looks",
    "plaza_cameras",
    "write_plaza",
    "write_recordings",
]
