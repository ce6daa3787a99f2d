"""The marks that video compression leaves: frames are stored as H.264 and read again."""

import io
from collections.abc import Sequence

import av
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

SAME_BYTES = {"threads": "1", "x264-params": "mbtree=0"}
"""Options of libx264 under which the same pictures are the same bytes in every run.

With several threads they depend on the machine. With its macroblock tree, fast code of libx264 reads memory that nobody
has written, so that a dark recording differed from itself.
"""


def through_video(frames: Sequence[Bytes], quality: int = 30, group: int = 50) -> list[Bytes]:
    """Frames after they were stored as H.264 video.

    Args:
        frames: Each (H, W, 3) uint8 RGB, all of one size, in the order of time.
        quality: The constant rate factor, 0 .. 51; 23 looks good, 32 has visible blocks, 40 is poor.
        group: Every how many frames a frame is stored whole.

    Returns:
        As many frames of the same size.

    Raises:
        ValueError: The quality is outside its range, or the frames differ in size.
    """
    if not 0 <= quality <= 51:
        raise ValueError(f"quality is {quality}; give a constant rate factor in 0 .. 51")
    if not frames:
        return []
    height, width = frames[0].shape[:2]
    if any(frame.shape[:2] != (height, width) for frame in frames):
        raise ValueError(f"frames differ in size from the first one, {width}x{height}; give frames of one size")
    # The format halves the resolution of colors, so it needs even sizes.
    even = [np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge") for frame in frames]
    data = io.BytesIO()
    with av.open(data, "w", format="mp4") as container:
        options = {"crf": str(quality), "preset": "veryfast", "g": str(group), **SAME_BYTES}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = even[0].shape[0], even[0].shape[1], "yuv420p"
        for frame in even:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    data.seek(0)
    with av.open(data, "r") as recorded:
        decoded = [frame.to_ndarray(format="rgb24") for frame in recorded.decode(video=0)]
    return [np.ascontiguousarray(frame[:height, :width]) for frame in decoded]
