"""Sightings of one camera linked over time, and of several cameras into people."""

from importlib import import_module

_HOMES = {
    "Tracker": "search.tracks.tracker",
    "TrackerSettings": "search.tracks.settings",
    "Tracklet": "search.tracks.tracklets",
    "TrackletAveraging": "search.tracks.settings",
    "averaged": "search.tracks.tracklets",
    "link_tracklets": "search.tracks.linking",
    "track_frames": "search.tracks.tracklets",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
