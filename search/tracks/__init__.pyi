"""The names that `__init__.py` imports when they are first used, for type checkers."""

from search.tracks.linking import link_tracklets
from search.tracks.settings import TrackerSettings, TrackletAveraging
from search.tracks.tracker import Tracker
from search.tracks.tracklets import Tracklet, averaged, track_frames

__all__ = [
    "Tracker",
    "TrackerSettings",
    "Tracklet",
    "TrackletAveraging",
    "averaged",
    "link_tracklets",
    "track_frames",
]
