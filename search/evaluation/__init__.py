"""The published full-frame protocols, tracking figures, and the calibration of a verdict."""
