"""The names that `__init__.py` imports when they are first used, for type checkers."""

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
