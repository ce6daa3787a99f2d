"""The gallery: every sighting of every indexed frame, on disk."""
