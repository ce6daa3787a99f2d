"""What a video file truly holds: its packets counted, because containers often only estimate their length."""

from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer

from datasets.footage.film import open_container

_TIMEOUT = 10.0
"""Seconds for opening and for each read, where the file lies on a web server."""

_SLACK_SECONDS = 1.0
"""A container's length may end this long after its last packet without anything being lost."""


@dataclass(frozen=True)
class Contents:
    """What reading a video file to its end, without decoding, gave.

    Args:
        pictures: How many pictures the file holds that a player shows. What an edit list cuts away does not count.
        cut_off: Whether the file ends before the time or the picture that its header states, or cannot be read to its
            end.
    """

    pictures: int
    cut_off: bool


def examine(target: str) -> Contents | None:
    """Read a video file through and count what is in it.

    Reading takes as long as the disk needs; nothing is decoded.

    Args:
        target: The path of a file, or the URL of one.

    Returns:
        None where the file cannot be opened as a video.
    """
    try:
        with open_container(target, stream="://" in target, timeout=_TIMEOUT) as container:
            return _contents(container)
    except (av.error.FFmpegError, OSError, ValueError):
        return None


def _contents(container: InputContainer) -> Contents:
    """Count the packets of the first video stream, and see how far any stream reaches."""
    video = container.streams.video[0]
    shown = stored = 0
    first: Fraction | None = None
    last = Fraction(0)
    broken = False
    # A transport stream may be joined at any moment; its first packets are then marked as broken.
    joined_late = "mpegts" in container.format.name
    try:
        for packet in container.demux():
            if not packet.size:
                continue  # the marks of the end
            moment = packet.pts if packet.pts is not None else packet.dts
            if moment is not None and packet.time_base is not None:
                begins = moment * packet.time_base
                first = begins if first is None else min(first, begins)
                last = max(last, begins + (packet.duration or 0) * packet.time_base)
            if packet.stream_index == video.index:
                stored += 1
                shown += not packet.is_discard
                broken = broken or (packet.is_corrupt and not joined_late)
    except (av.error.FFmpegError, OSError):
        broken = True
    length = Fraction(container.duration or 0, 1_000_000)
    reaches = last - min(first or Fraction(0), Fraction(0))
    slack = Fraction(_SLACK_SECONDS)
    if _states_every_packet(container) and video.frames:
        # What an edit list cuts away is listed too, so the time must be short as well.
        if stored >= video.frames:
            return Contents(shown, cut_off=broken)
        slack = min(slack, Fraction(5, 2) / (video.average_rate or 25))
    ends_early = length > 0 and first is not None and reaches < length - slack
    return Contents(shown, cut_off=broken or ends_early)


def _states_every_packet(container: InputContainer) -> bool:
    """Whether the container's index lists each packet: MP4 and its relatives; AVI counts frames that it leaves out."""
    return "mp4" in container.format.name
