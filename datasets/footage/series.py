"""Times within one camera: a recording in pieces goes on where the piece before it ends."""

import re
from collections import defaultdict

from datasets.samples import Camera

Key = tuple[Camera | None, str]
"""What tells two series apart: the camera, and, for videos of unknown camera, folder and name without numbers."""

_NUMBER = re.compile(r"(?P<camera>(?<![a-z])(cam(era)?|ch(annel)?|c|ipc|dev(ice)?|view)[-_ ]?)?\d+", re.IGNORECASE)
"""A number in a name; behind a word such as `cam` it tells which camera."""


class Series:
    """Counts the time on, for each camera by itself.

    Args:
        start_time: When every series begins, in seconds since the epoch; None gives pictures no time, and lets videos
            count from 0.
        every_seconds: The distance of two pictures in seconds.
    """

    def __init__(self, start_time: float | None, every_seconds: float) -> None:
        self._start = start_time
        self._every = every_seconds
        self._pictures: defaultdict[Key, int] = defaultdict(int)
        self._videos: defaultdict[Key, float] = defaultdict(float)

    @staticmethod
    def key(name: str, camera: Camera | None, video: bool) -> Key:
        """The series that a file belongs to.

        Videos of an unknown camera belong together where their names differ in numbers only.

        >>> Series.key("part1.mp4", None, True) == Series.key("part2.mp4", None, True)
        True
        >>> Series.key("gate.mp4", None, True) == Series.key("yard.mp4", None, True)
        False
        >>> Series.key("cam1.mp4", None, True) == Series.key("cam2.mp4", None, True)
        False

        Args:
            name: The file's path relative to the folder that is read.
            camera: The file's camera, None where it is unknown.
            video: Whether the file is a video.
        """
        if camera is not None or not video:
            return camera, ""
        return None, _NUMBER.sub(lambda found: found[0] if found["camera"] else "0", name)

    def of_picture(self, key: Key) -> float | None:
        """The time of the next picture of a series; None where nobody said when it begins."""
        index = self._pictures[key]
        self._pictures[key] += 1
        return None if self._start is None else self._start + self._videos[key] + index * self._every

    def of_video(self, key: Key) -> float | None:
        """The time of the first frame of the next video of a series; None counts from 0."""
        begun = self._videos[key] + self._pictures[key] * self._every
        return begun or None if self._start is None else self._start + begun

    def add_video(self, key: Key, seconds: float) -> None:
        """Let the series go on after a video of so many seconds."""
        self._videos[key] += seconds
