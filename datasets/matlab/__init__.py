"""Large MATLAB 5 files, read a record at a time where SciPy would hold millions of small arrays at once."""
