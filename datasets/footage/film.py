"""An open video, read frame by frame with FFmpeg, which is kept from following what a file or a stream names."""

import logging
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Self

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from datasets.footage.reading import LEAST_RATE, MOST_RATE

FILE_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm,mpeg,mpegts,mpegvideo,h264,hevc,mjpeg,mjpeg_2000,asf,flv,live_flv,ogg,mxf,"
    "dv,ivf,nut,yuv4mpegpipe,obu,av1,dhav,m4v,rm,wtv,rawvideo"
)
"""Formats that hold their pictures themselves. What is not here names other files or hosts, such as a list of files."""

STREAM_FORMATS = f"{FILE_FORMATS},rtsp,rtp,sdp,hls,applehttp,mpjpeg,mp3,aac,srt"
"""Formats of cameras. A playlist of a stream (HLS) may name other addresses, but only by `STREAM_PROTOCOLS`."""

FILE_PROTOCOLS = "file"
STREAM_PROTOCOLS = "rtsp,rtsps,rtmp,rtmps,rtmpt,http,https,httpproxy,tcp,udp,udplite,tls,rtp,srtp,srt,crypto"
"""Ways to hosts. Files of this machine are not among them."""

MOST_FRAMES = 100_000_000
"""Nineteen days at 60 frames a second: a container that declares more does not know its length."""

_WITHOUT_TIMES = frozenset({"h264", "hevc", "mjpeg", "mpegvideo", "m4v", "obu", "av1", "mjpeg_2000", "rawvideo"})
"""Formats that hold pictures and no times. Only the codec may tell how many there are in a second."""

_WITHOUT_MOMENTS = frozenset({"h264", "hevc"})
"""Of those, the ones for which FFmpeg makes up no times either: their frames are counted."""

ASSUMED_RATE = 25.0
"""Frames a second of a file that holds no times and does not tell."""

_MOST_BROKEN_READS = 100
"""After so many failed reads in a row a file has ended."""

logging.getLogger("libav").setLevel(logging.CRITICAL)


class FrameError(ValueError):
    """One frame cannot be decoded; the text is the reason in one line."""


def open_container(target: str, *, stream: bool = False, timeout: float | None = None) -> InputContainer:
    """Open a video with FFmpeg.

    Args:
        target: The path of a file, or the address of a stream.
        stream: Whether it is an address.
        timeout: For how many seconds to wait for an answer, and for each further picture; None waits for ever.

    Raises:
        av.error.FFmpegError: It does not open, is no video, or is of a format that names other files.
        OSError, ValueError: The path or the address cannot be used.
    """
    formats, protocols = (STREAM_FORMATS, STREAM_PROTOCOLS) if stream else (FILE_FORMATS, FILE_PROTOCOLS)
    options = {"format_whitelist": formats, "protocol_whitelist": protocols}
    if stream and target.lower().startswith("rtsp"):
        options["rtsp_transport"] = "tcp"  # pictures that lost packets on the way look like damage
    waits = None if timeout is None else (timeout, timeout)
    # Texts in files may be of any bytes.
    container = av.open(target, container_options=options, metadata_errors="ignore", timeout=waits)
    if not container.streams.video:
        container.close()
        raise ValueError("it holds no video")
    return container


class Film:
    """The first video stream of a container, frame by frame; close it, or use it in a `with` block.

    Args:
        container: An open container with a video stream.
        told_rate: How many frames a second there are, more than 0. It counts where the container holds no times; None
            takes what the codec tells then, or `ASSUMED_RATE`.

    Attributes:
        container: The container.
        holds_times: Whether the container holds the time of each frame.
        told_rate: The rate that was told, where it counts; None elsewhere.
        is_rate_assumed: Whether nobody tells how many frames a second there are.
        failures: How many frames could not be decoded so far.
        is_cut: Whether reading ended with an error instead of the end.
    """

    def __init__(self, container: InputContainer, told_rate: float | None = None) -> None:
        self.container = container
        self.holds_times = container.format.name not in _WITHOUT_TIMES
        self.told_rate = None if self.holds_times else told_rate
        self.failures = 0
        self.is_cut = False
        self._video = container.streams.video[0]
        self._packets: Iterator[Any] = container.demux(self._video)
        self._ready: deque[VideoFrame] = deque()
        self._frame: VideoFrame | None = None
        self._ended = False
        self._grabbed = 0
        codec = float(self._video.codec_context.framerate or 0)
        codec = codec if LEAST_RATE <= codec <= MOST_RATE else 0.0
        self.is_rate_assumed = not (self.holds_times or self.told_rate or codec)
        # What the made-up times of a container without times go by.
        self._made_up_rate = codec or float(self._video.average_rate or ASSUMED_RATE)
        self._own_rate = self.told_rate or codec or ASSUMED_RATE

    @classmethod
    def opened(
        cls, target: str, *, stream: bool = False, timeout: float | None = None, told_rate: float | None = None
    ) -> Self:
        """The film of a file or a stream; arguments and errors as of `open_container` and `Film`."""
        film = cls(open_container(target, stream=stream, timeout=timeout), told_rate)
        if not stream:
            film._video.thread_type = "AUTO"  # a live picture must not wait for the ones behind it
        return film

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._video.width, self._video.height

    @property
    def rate(self) -> float:
        """Frames a second, 0 where a container with times does not tell."""
        if not self.holds_times:
            return self._own_rate
        return float(self._video.average_rate or self._video.guessed_rate or self._video.base_rate or 0)

    @property
    def declared(self) -> int:
        """How many frames the container states; 0 where it states none."""
        if self._video.frames:
            return int(self._video.frames) if self._video.frames < MOST_FRAMES else 0
        seconds = float(self._seconds_long())
        count = int(seconds * self.rate + 0.5)
        return count if 0 < count < MOST_FRAMES else 0

    @property
    def is_counted(self) -> bool:
        """Whether frames have no times at all: they are counted from the start, and `seek` cannot go to one."""
        return self.container.format.name in _WITHOUT_MOMENTS

    @property
    def seconds(self) -> float:
        """When the grabbed frame is shown, counted from the start of the film; 0 where it has no time."""
        assert self._frame is not None  # something was grabbed
        if self.is_counted:
            return (self._grabbed - 1) / self._own_rate
        return self.moment(self._frame.pts)

    def moment(self, pts: int | None) -> float:
        """Seconds from the start of the film to a time in the stream's units."""
        base = self._video.time_base
        if pts is None or base is None:
            return 0.0
        # Rounded as OpenCV does it, so that names of frames stay what they were when it read files.
        seconds = (pts - (self._video.start_time or 0)) * (base.numerator / base.denominator) * 1000 / 1000
        return seconds if self.holds_times else seconds * self._made_up_rate / self._own_rate

    def grab(self) -> bool:
        """Decode the next frame; False at the end. Frames that cannot be decoded are counted and passed over."""
        while not self._ready and not self._ended:
            packet = self._next_packet()
            try:
                self._ready.extend(self._video.codec_context.decode(packet))
            except av.error.EOFError:
                self._ended = True
            except (av.error.FFmpegError, ValueError):
                self.failures += 1
            self._ended = self._ended or packet is None
        if not self._ready:
            return False
        self._frame = self._ready.popleft()
        self._grabbed += 1
        return True

    def retrieve(self) -> NDArray[np.uint8]:
        """The frame that was grabbed last, (H, W, 3) uint8 RGB, turned upright where the file says how it was held.

        Raises:
            FrameError: The frame cannot be decoded.
        """
        assert self._frame is not None  # something was grabbed
        return picture(self._frame)

    def seek(self, seconds: float) -> bool:
        """Go to the last key frame before a time, or to the start; the next `grab` gives what follows.

        Returns:
            Whether the file can do that.
        """
        if self.is_counted:
            return False
        base = self._video.time_base or Fraction(1, 1000)
        stored = seconds if self.holds_times else seconds * self._own_rate / self._made_up_rate
        at = round(Fraction(stored) / base) + (self._video.start_time or 0)
        try:
            self.container.seek(at, stream=self._video, backward=True)
        except (av.error.FFmpegError, OSError):
            return False
        self._packets, self._ended = self.container.demux(self._video), False
        self._ready.clear()
        return True

    def close(self) -> None:
        """Release the file."""
        self.container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next_packet(self) -> Any:
        """The next packet that holds something, None at the end."""
        for _ in range(_MOST_BROKEN_READS):
            try:
                for packet in self._packets:
                    if packet.size:
                        return packet
                return None
            except av.error.ExitError:  # nothing came in time
                self.is_cut = True
                return None
            except (av.error.FFmpegError, OSError):
                self.is_cut = True
                self._packets = self.container.demux(self._video)
        return None

    def _seconds_long(self) -> Fraction:
        if self.container.duration:
            return Fraction(self.container.duration, av.time_base)
        return Fraction(self._video.duration or 0) * (self._video.time_base or 0)


def picture(frame: VideoFrame) -> NDArray[np.uint8]:
    """A decoded frame as (H, W, 3) uint8 RGB, turned upright where the file says how the camera was held.

    Raises:
        FrameError: The frame cannot be decoded.
    """
    try:
        image = frame.to_ndarray(format="rgb24")
    except (av.error.FFmpegError, ValueError, MemoryError):
        raise FrameError("the frame cannot be decoded") from None
    if not image.size:
        raise FrameError("the frame cannot be decoded")
    quarters = round((frame.rotation or 0) / 90) % 4  # against the clock
    return np.ascontiguousarray(np.rot90(image, quarters), dtype=np.uint8)
