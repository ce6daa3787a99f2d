"""How footage is read: which frames, of which camera, from when; loads no torch, so that a command starts at once."""

from dataclasses import dataclass

from datasets.images import MOST_PIXELS
from datasets.moments import seconds_of, zone_named
from datasets.samples import Camera

Region = tuple[tuple[float, float], ...]
"""The corners (x, y) of a part of a picture in pixels, three or more, in order around it."""

RECONNECT_MINUTES = 5.0
"""A camera that restarts is away for one to two minutes."""


LEAST_RATE, MOST_RATE = 0.02, 1000.0
"""Frames a second of a video; who tells less or more tells nonsense."""


@dataclass(frozen=True)
class Reading:
    """How footage is read: which frames, of which camera, from when.

    Args:
        every_seconds: The distance of two frames of a video or stream in seconds; 0 gives every frame. Raising it reads
            fewer frames and takes less time.
        camera: The camera of all frames. None takes it from a JSON file, from a file name such as c3s1_000123 or
            c3_000123 (camera 3), or from the first sub-folder that is no date and not called frames, images or the
            like (a whole number where it is one without leading zeros); of a video without such a folder from its name.
        start_time: The time of the first frame, in seconds since the epoch. The videos of one camera count on from it,
            one after the other; pictures are taken to be `every_seconds` apart in each camera. None takes the time from
            the date in a file's name, or from a video's creation time where `creation_times` says so; without both,
            pictures have no time and videos count from 0. Times in a JSON file win.
        max_pixels: A picture of more pixels is not decoded but named among the failures; 1 or more.
        reconnect_minutes: For how many minutes without a frame a live stream that is off or broke off is tried again; 0
            or more.
        rotation: By how many degrees every picture is turned clockwise: 0, 90, 180 or 270.
        time_zone: The name of the zone of the camera's clock, in which dates in the names of files are read; None is
            that of this machine.
        creation_times: Whether a video whose name tells no time begins when the file says that it was made.
        leave_out: Regions of the turned picture; people whose box has its middle in one of them are left out.
        recorded_rate: How many frames a second were recorded, for videos that hold no times themselves (H.264, HEVC or
            JPEG frames one after the other, without a container). None takes what the frames tell, or 25.
        skip_still: Whether the models are spared a frame that looks like an earlier one of its camera in which they saw
            nobody.

    Raises:
        ValueError: A value is out of its range.
    """

    every_seconds: float = 1.0
    camera: Camera | None = None
    start_time: float | None = None
    max_pixels: int = MOST_PIXELS
    reconnect_minutes: float = RECONNECT_MINUTES
    rotation: int = 0
    leave_out: tuple[Region, ...] = ()
    time_zone: str | None = None
    creation_times: bool = False
    recorded_rate: float | None = None
    skip_still: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.every_seconds < float("inf"):
            raise ValueError(f"every_seconds is {self.every_seconds}, expected 0 (every frame) or more")
        if self.max_pixels < 1:
            raise ValueError(f"max_pixels is {self.max_pixels}, expected 1 or more")
        if not 0 <= self.reconnect_minutes < float("inf"):
            raise ValueError(f"reconnect_minutes is {self.reconnect_minutes}, expected 0 or more")
        if self.rotation not in (0, 90, 180, 270):
            raise ValueError(f"rotation is {self.rotation}, expected 0, 90, 180 or 270 degrees clockwise")
        if self.recorded_rate is not None:
            if not LEAST_RATE <= self.recorded_rate <= MOST_RATE:
                raise ValueError(
                    f"recorded_rate is {self.recorded_rate:g}, expected {LEAST_RATE:g} to {MOST_RATE:g} frames a second"
                )
            # As names of frames write it, so that a frame is found again by its name.
            object.__setattr__(self, "recorded_rate", float(f"{self.recorded_rate:g}"))
        if self.time_zone is not None:
            zone_named(self.time_zone)
        if self.start_time is not None:
            seconds_of(self.start_time)  # refuses milliseconds
