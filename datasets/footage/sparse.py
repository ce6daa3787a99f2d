"""A few frames of a video file: of each group of pictures only what the wanted frames need is decoded.

A group begins with a key frame. Decoding can begin there, and every frame in the group needs those before it. Whoever
wants one frame a second of a film with a key frame every two seconds therefore leaves most frames alone. Where anything
is unusual (a frame without a time, damage, a wanted frame that does not come) `Unclear` is raised, and the caller
decodes everything instead, which finds out what was lost.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import av
from av.video.frame import PictureType, VideoFrame

from datasets.footage.film import Film

LONGEST_GROUP = 600
"""A longer group is cut into pieces of so many packets, of which each needs the one before it."""

_LOOKED_AT = 64
"""So many bytes at the begin of a packet tell whether it was overwritten with nothing."""

_OF_OTHERS = frozenset({PictureType.P, PictureType.B, PictureType.S})
"""Kinds of pictures that need others. A film that is renewed bit by bit has marks of key frames at such ones."""


class Unclear(Exception):
    """The film must be decoded as a whole."""


@dataclass
class _Group:
    """Packets in the order of decoding.

    Args:
        packets: The packets; the first is a key frame unless `goes_on`.
        goes_on: Whether this is a further piece of a long group.
        wanted: The times of its wanted frames in the stream's units.
    """

    packets: list[Any] = field(default_factory=list)
    goes_on: bool = False
    wanted: set[int] = field(default_factory=set)

    def needs_the_one_before(self) -> bool:
        """Whether a wanted frame may refer to the group before: it is shown before the key frame, or in one piece."""
        return self.goes_on or any(time < self.packets[0].pts for time in self.wanted)


class SparseFilm:
    """The frames of a film that are at least some seconds apart.

    Args:
        film: The film, not read yet, or sought to a key frame.
        every_seconds: The least distance of two frames; 0 takes every frame.
        wants: Tells whether a frame that is far enough from the one before it is decoded, by its seconds and by those
            of the key frame at which decoding it begins; None decodes all of them.

    Attributes:
        count: How many frames were passed so far, also those that were not decoded.
        last_slot: The number of the last interval of `every_seconds` of which a frame was given.
        seconds: The time of the last frame that was passed.
    """

    def __init__(self, film: Film, every_seconds: float, wants: Callable[[float, float], bool] | None = None) -> None:
        self._wants = wants
        self._begins = (0.0, 0.0)  # the key frames of the group before the last, and of the last one
        self.count, self.last_slot, self.seconds = 0, -1, 0.0
        self._film = film
        self._video = film.container.streams.video[0]
        self._codec = self._video.codec_context
        self._every = every_seconds
        self._key: int | None = None  # of the group whose decoding began anew
        self._units: set[int] = set()  # wanted frames that have not come yet
        self._prefix = _length_bytes(self._codec)

    @property
    def length(self) -> float:
        """How many seconds the film lasts, once all of it has passed."""
        return max(0.0, self.seconds + (1.0 / self._film.rate if self._film.rate else 0.04))

    def frames(self) -> Iterator[tuple[float, VideoFrame]]:
        """The wanted frames with their seconds, in order.

        Raises:
            Unclear: The film must be decoded as a whole; what was given until then is right.
        """
        waiting: _Group | None = None
        fresh = True  # whether the decoder holds nothing
        try:
            for group in self._groups():
                self._choose(group)
                if waiting is not None:
                    whole = group.needs_the_one_before()
                    yield from self._decoded(waiting, whole, fresh and not waiting.goes_on)
                    fresh = not whole
                waiting = group
            if waiting is not None:
                yield from self._decoded(waiting, False, fresh and not waiting.goes_on)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise Unclear(str(error)) from None

    def _groups(self) -> Iterator[_Group]:
        group = _Group()
        for packet in self._film.container.demux(self._video):
            if not packet.size:
                continue
            if packet.pts is None or packet.is_corrupt:
                raise Unclear("a packet without a time, or a damaged one")
            if group.packets and (packet.is_keyframe or len(group.packets) >= LONGEST_GROUP):
                yield group
                group = _Group(goes_on=not packet.is_keyframe)
            group.packets.append(packet)
        if group.packets:
            yield group

    def _choose(self, group: _Group) -> None:
        """Find the wanted frames of a group, in the order in which they are shown."""
        if not self.count and not group.packets[0].is_keyframe:
            raise Unclear("no key frame at the begin")
        key = group.packets[0].pts
        if not group.goes_on:
            self._begins = (self._begins[1], self._film.moment(key))
        for time in sorted(packet.pts for packet in group.packets if not packet.is_discard):
            seconds = self._film.moment(time)
            if self.count and seconds <= self.seconds:
                raise Unclear("times go back")
            self.count, self.seconds = self.count + 1, seconds
            slot = math.floor(seconds / self._every + 1e-6) if self._every else self.count
            if slot > self.last_slot:
                self.last_slot = slot
                begins = self._begins[0] if time < key and not group.goes_on else self._begins[1]
                if self._wants is None or self._wants(seconds, begins):
                    group.wanted.add(time)

    def _decoded(self, group: _Group, whole: bool, fresh: bool) -> Iterator[tuple[float, VideoFrame]]:
        """Decode what is needed of a group; all of it where the next one needs it."""
        if group.needs_the_one_before() and fresh and group.goes_on:
            raise Unclear("a piece without its begin")
        self._units |= group.wanted
        self._key = group.packets[0].pts if fresh else None
        ends = [number for number, packet in enumerate(group.packets, 1) if packet.pts in group.wanted]
        needed = len(group.packets) if whole else max(ends, default=0)
        for packet in group.packets[needed:]:
            self._check(packet)
        for packet in group.packets[:needed]:
            for frame in self._codec.decode(packet):
                yield from self._given(frame)
        if whole:
            return  # the decoder goes on with the next group
        if needed or not fresh:
            for frame in self._codec.decode(None):
                yield from self._given(frame)
            self._codec.flush_buffers()
        if self._units:
            raise Unclear("a wanted frame did not come")

    def _given(self, frame: VideoFrame) -> Iterator[tuple[float, VideoFrame]]:
        if frame.is_corrupt:
            raise Unclear("a damaged frame")
        if self._key is not None and (frame.pts is None or frame.pts >= self._key):
            if frame.pts != self._key or frame.pict_type in _OF_OTHERS:
                raise Unclear("a key frame that is no whole picture")
            self._key = None
        if frame.pts in self._units:
            if frame.pts != min(self._units):
                raise Unclear("a wanted frame did not come before a later one")
            self._units.discard(frame.pts)
            yield self._film.moment(frame.pts), frame

    def _check(self, packet: Any) -> None:
        """Look for damage in a packet that is not decoded.

        Raises:
            Unclear: It was overwritten with nothing, or its parts do not fill it.
        """
        content = bytes(packet)
        if not any(content[:_LOOKED_AT]):
            raise Unclear("an empty packet")
        at = 0
        while self._prefix and at < len(content):
            length = int.from_bytes(content[at : at + self._prefix], "big")
            at += self._prefix + length
            if not length or at > len(content):
                raise Unclear("a packet whose parts do not fill it")


def _length_bytes(codec: Any) -> int:
    """In how many bytes H.264 and H.265 write the length of each part of a packet; 0 where they write none."""
    extra = codec.extradata
    if not extra or extra[0] != 1:
        return 0
    place = {"h264": 4, "hevc": 21}.get(codec.name, len(extra))
    return (extra[place] & 3) + 1 if place < len(extra) else 0
