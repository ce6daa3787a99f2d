"""The command line and nothing else: parsing, presets, progress bars, printing."""
