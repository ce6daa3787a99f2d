"""Writing a film that every browser plays: H.264 in an MP4 file, through PyAV."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from datasets.files import whole_file
from datasets.rendering.video import SAME_BYTES

QUALITY = 23
"""x264's constant rate factor: lower is better and larger, 18 to 28 look well."""


class Film:
    """A film that is being written; made by `film`.

    Args:
        container: PyAV's open container.
        width: Pixels, even.
        height: Pixels, even.
        rate: Frames a second.
    """

    def __init__(self, container: av.container.OutputContainer, width: int, height: int, rate: Fraction) -> None:
        self.width, self.height, self.rate = width, height, rate
        self.frames = 0
        """Frames written so far."""
        self._container = container
        self._stream: av.VideoStream = container.add_stream("libx264", rate=rate)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        # bt709 limited range is what browsers assume.
        self._stream.options = {"crf": str(QUALITY), "preset": "veryfast", **SAME_BYTES}

    @property
    def seconds(self) -> float:
        """How long the film is so far."""
        return float(self.frames / self.rate)

    def show(self, image: NDArray[np.uint8], until: float) -> int:
        """Show a picture until a second of the film, for no frame where that is over already.

        Args:
            image: (height, width, 3) uint8 RGB.
            until: Seconds from the film's begin.

        Returns:
            How many frames show it.
        """
        wanted = round(until * float(self.rate))
        count = max(0, wanted - self.frames)
        for _ in range(count):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = self.frames, 1 / self.rate
            self._container.mux(self._stream.encode(frame))
            self.frames += 1
        return count

    def finish(self) -> None:
        """Write what the encoder still holds."""
        self._container.mux(self._stream.encode())


@contextmanager
def film(path: Path, *, width: int, height: int, rate: float) -> Iterator[Film]:
    """Write a film, whole or not at all.

    Args:
        path: The file, which should end in .mp4. Its folder must exist.
        width: Pixels; an odd number is lowered by one, for the format wants even ones.
        height: Pixels; an odd number is lowered by one too.
        rate: Frames a second.

    Yields:
        The film, for `Film.show`.

    Raises:
        OSError: The file cannot be written.
        ValueError: No frame was shown.
    """
    whole_rate = Fraction(rate).limit_denominator(1001)
    with whole_file(path) as unfinished:
        # Bit-exact: no version and no time in the file, so that equal films are equal files.
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        with av.open(str(unfinished), "w", format="mp4", options=options) as container:
            written = Film(container, width - width % 2, height - height % 2, whole_rate)
            yield written
            if not written.frames:
                raise ValueError(f"no frame was there for {path}, expected at least one; choose another moment")
            written.finish()


def picture_of(path: Path, seconds: float) -> NDArray[np.uint8]:
    """The picture that a film shows at a second, the last one where it is shorter.

    Args:
        path: A film that `film` wrote.
        seconds: Seconds from its begin.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= seconds:
                break
        return np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
