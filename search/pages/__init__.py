"""Pages for a person to read."""
