"""Sightings of one camera linked over time, and of several cameras into people."""
