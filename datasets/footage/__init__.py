"""Footage of any kind as frames: pictures, folders, video files and streams."""
