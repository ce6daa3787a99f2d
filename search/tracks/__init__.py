"""Sightings of one camera linked over time, and of several cameras into people."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.tracks.linking import link_tracklets
    from search.tracks.settings import TrackerSettings, TrackletAveraging
    from search.tracks.tracker import Tracker
    from search.tracks.tracklets import Tracklet, averaged, track_frames
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = [
    "Tracker",
    "TrackerSettings",
    "Tracklet",
    "TrackletAveraging",
    "averaged",
    "link_tracklets",
    "track_frames",
]

_HOMES = {
    "Tracker": "search.tracks.tracker",
    "TrackerSettings": "search.tracks.settings",
    "Tracklet": "search.tracks.tracklets",
    "TrackletAveraging": "search.tracks.settings",
    "averaged": "search.tracks.tracklets",
    "link_tracklets": "search.tracks.linking",
    "track_frames": "search.tracks.tracklets",
}
