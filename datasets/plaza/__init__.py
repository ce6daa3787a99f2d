"""A seeded synthetic square with five calibrated cameras: data for the demo, the tests and the documents."""

from datasets.plaza.cameras import PlazaCamera, plaza_cameras
from datasets.plaza.looks import Look, draw_looks
from datasets.plaza.world import PlazaSummary, write_plaza

__all__ = ["Look", "PlazaCamera", "PlazaSummary", "draw_looks", "plaza_cameras", "write_plaza"]
