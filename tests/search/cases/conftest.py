"""The world of `cases_world`, as fixtures."""

from cases_world import filled, footage, gallery

__all__ = ["filled", "footage", "gallery"]
