"""A seeded synthetic square with five calibrated cameras: data for the demo, the tests and the documents."""

from importlib import import_module

_HOMES = {
    "Look": "datasets.plaza.looks",
    "PlazaCamera": "datasets.plaza.cameras",
    "PlazaSummary": "datasets.plaza.world",
    "RecordingsSummary": "datasets.plaza.recordings",
    "draw_looks": "datasets.plaza.looks",
    "plaza_cameras": "datasets.plaza.cameras",
    "write_plaza": "datasets.plaza.world",
    "write_recordings": "datasets.plaza.recordings",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
