"""Reading image files: always uint8 RGB as a person would see the picture, or one line that says what is wrong."""

import contextlib
import io
import os
import struct
import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from datasets.pixels import as_eight_bits, filled, white_of_portable_map

if TYPE_CHECKING:
    import torch
    from torch import Tensor

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".png", ".apng", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".gif"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".avif"}
)

MOST_PIXELS = 100_000_000
"""A picture of more pixels is refused before it is decoded, so that a small file cannot fill the memory."""

JPEG_QUALITY = 82
"""The quality of JPEG pictures where nothing else is asked for: a small file, without traces that a person sees."""

_MOST_BYTES_PER_PIXEL = 16
"""Four channels of 32 bits: a file with more bytes than that for each allowed pixel holds something else."""

_EXIF_ORIENTATION = 0x0112
_FIRST_TURNED = 5
"""EXIF orientations from 5 to 8 lie on their side."""

_JPEG_START = b"\xff\xd8"
_JPEG_END = b"\xff\xd9"
_JPEG_SCAN = 0xDA
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DEEP_FORMATS = (_PNG_SIGNATURE, b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"P2", b"P3", b"P5", b"P6")
_JPEG_2000 = (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")

_HEADER_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM", "DIB", "JPEG2000", "AVIF")
"""Pillow's names of the formats whose size is read from the header; each begins with bytes of its own."""

# What the header of a damaged picture may raise inside Pillow; reading the picture names the damage.
_HEADER_ERRORS = (
    OSError, ValueError, SyntaxError, IndexError, KeyError, TypeError, AttributeError, EOFError, OverflowError,
    struct.error, Image.DecompressionBombError,
)  # fmt: skip

if "OPENCV_LOG_LEVEL" not in os.environ:
    # A broken file is reported once, by us.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
warnings.filterwarnings("ignore", "Corrupt EXIF|Truncated File Read|Metadata Warning", UserWarning, r"PIL\.")


class ImageError(ValueError):
    """A file is no complete, readable image.

    Args:
        path: The image file.
        reason: What is wrong with it, in one line without the path and the remedy.
        remedy: What the user can do about it.
    """

    def __init__(self, path: Path, reason: str, remedy: str = "copy the image again or remove it") -> None:
        super().__init__(f"{path}: {reason}; {remedy}")
        self.path = path
        self.reason = reason
        self.remedy = remedy


def read_image(path: Path | str, *, max_pixels: int = MOST_PIXELS) -> NDArray[np.uint8]:
    """Read an image file as a person would see the picture.

    The EXIF orientation is applied. Grey, palette and CMYK pictures become 8-bit RGB. Deep pictures (16 bits, or
    fractions) are scaled by the values that occur, see `as_eight_bits`. Transparent parts show the colors around them.

    Damage inside a JPEG that has its end goes unnoticed: libjpeg repairs it and only warns.

    Args:
        path: The file, in any format that OpenCV decodes; the content decides, not the suffix.
        max_pixels: A picture of more pixels is refused from its header, without decoding it; 1 or more. Decoding takes
            about 3 to 8 bytes of memory for each pixel.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageError: The file is missing, empty, truncated, no image, or too large.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            _require_size(path, header_size(file), max_pixels)
            if os.fstat(file.fileno()).st_size > _MOST_BYTES_PER_PIXEL * max_pixels:
                raise ImageError(path, f"is no picture: it has more than {_MOST_BYTES_PER_PIXEL * max_pixels:,} bytes")
            content = file.read()
    except FileNotFoundError:
        raise ImageError(path, "the file does not exist", "put the image there or correct the path") from None
    except OSError as error:
        raise ImageError(path, f"cannot be read ({error.strerror})") from error
    return _decoded(content, path)


def header_size(file: IO[bytes]) -> tuple[int, int] | None:
    """Width and height of a picture as its header states them, without decoding it or turning it.

    >>> header_size(io.BytesIO(b"P5 640 480 255 and then the pixels"))
    (640, 480)
    >>> header_size(io.BytesIO(b"no picture")) is None
    True

    Args:
        file: Opened for reading bytes; it stands at its beginning afterwards.

    Returns:
        (width, height), or None where the file is of no known format.
    """
    start = file.read(32)
    file.seek(0)
    size = _size_at_the_start(start)
    if size is None:
        picture = _header(file)
        size = None if picture is None else picture.size
        file.seek(0)
    return size


def _size_at_the_start(start: bytes) -> tuple[int, int] | None:
    """The size of a GIF or WebP, for which Pillow would take memory for the whole picture; None for other files."""
    if start[:6] in (b"GIF87a", b"GIF89a") and len(start) >= 10:
        return int.from_bytes(start[6:8], "little"), int.from_bytes(start[8:10], "little")
    if start[:4] != b"RIFF" or start[8:12] != b"WEBP" or len(start) < 30:
        return None
    kind = start[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(start[24:27], "little"), 1 + int.from_bytes(start[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(start[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = (int.from_bytes(start[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    return width, height


def _header(file: IO[bytes]) -> Image.Image | None:
    """Pillow's view of a picture, only its header read; None where Pillow knows no such format.

    `Image.open` refuses large pictures before it tells their size, so the formats are asked one by one, as it does.
    """
    start = file.read(16)
    Image.preinit()
    for name in _HEADER_FORMATS:
        if name not in Image.OPEN:
            Image.init()  # the rarer formats: takes a moment, once
        factory, accept = Image.OPEN.get(name, (None, None))
        if factory is None or accept is None:
            continue
        with contextlib.suppress(*_HEADER_ERRORS):
            # Pillow answers with a text, the reason, where it knows a format but was built without it.
            answer = accept(start)
            if answer and not isinstance(answer, str):
                file.seek(0)
                return factory(file, "")
    return None


def _require_size(path: Path, size: tuple[int, int] | None, max_pixels: int) -> None:
    """Refuse a picture that has too many pixels."""
    if max_pixels < 1:
        raise ValueError(f"max_pixels is {max_pixels}, expected 1 or more")
    if size is not None and size[0] * size[1] > max_pixels:
        raise ImageError(
            path,
            f"has {size[0]} x {size[1]} pixels, more than {max_pixels:,}",
            "raise --max-pixels of index and find for such pictures, or make it smaller",
        )


def image_aspect(path: Path | str) -> float:
    """Width over height of a picture as `read_image` gives it, from its header alone; 1 where there is none to read."""
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            turned = picture.getexif().get(_EXIF_ORIENTATION, 1) >= _FIRST_TURNED
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # reading the picture will name the damage
        return 1.0
    return height / width if turned else width / height


def decode_image(content: bytes, path: Path, *, max_pixels: int = MOST_PIXELS) -> NDArray[np.uint8]:
    """Decode the bytes of an image file, as `read_image` does; `path` is for the error."""
    _require_size(path, header_size(io.BytesIO(content)), max_pixels)
    return _decoded(content, path)


def encode_jpeg(image: NDArray[np.uint8], *, longest_side: int | None = None, quality: int = JPEG_QUALITY) -> bytes:
    """A picture as the bytes of a JPEG file, made smaller where a side is longer than asked for, never larger.

    Args:
        image: A picture (H, W, 3) of uint8 RGB with at least one pixel.
        longest_side: The longest side in pixels that the result may have; None keeps the size.
        quality: The quality of the file, 1 to 100; a higher one makes a larger file with fewer traces of compression.

    Raises:
        ValueError: The picture has no pixel, or OpenCV cannot encode it.

    >>> content = encode_jpeg(np.zeros((40, 80, 3), dtype=np.uint8), longest_side=20)
    >>> decode_image(content, Path("small.jpg")).shape
    (10, 20, 3)
    """
    height, width = image.shape[:2]
    if not height or not width:
        raise ValueError(f"picture of {width} x {height} pixels, expected at least one pixel")
    if longest_side is not None and max(height, width) > longest_side:
        scale = longest_side / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"picture of {width} x {height} pixels could not be written as JPEG")
    return encoded.tobytes()


def as_tensor(image: NDArray[np.uint8], device: "torch.device | None" = None) -> "Tensor":
    """A picture as networks take it.

    Args:
        image: A picture (H, W, 3) of uint8 RGB.
        device: Where the tensor goes, as bytes, which are a quarter of it; None is the processor.

    Returns:
        A float32 tensor (3, H, W) with values from 0 to 1.

    >>> as_tensor(np.full((2, 4, 3), 255, dtype=np.uint8)).shape
    torch.Size([3, 2, 4])
    """
    import torch  # a second that only those who run a network should pay

    return torch.from_numpy(np.ascontiguousarray(image)).to(device).permute(2, 0, 1).float() / 255  # [3, H, W]


def as_pixels(image: "Tensor") -> NDArray[np.uint8]:
    """A tensor (3, H, W) with values from 0 to 1 as a picture (H, W, 3) of uint8 RGB.

    It is exactly the picture that `as_tensor` was given.
    """
    return np.asarray((image.detach() * 255).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy())


def _decoded(content: bytes, path: Path) -> NDArray[np.uint8]:
    """The picture of a file whose size is known to be allowed."""
    if not content:
        raise ImageError(path, "the file is empty (0 bytes)")
    if _is_truncated(content):
        raise ImageError(path, f"the image is truncated (its end is missing after {len(content)} bytes)")
    data = np.frombuffer(content, dtype=np.uint8)
    try:
        image = None
        if content.startswith(_DEEP_FORMATS + _JPEG_2000):
            image = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
            if image is None:  # grey fractions: OpenCV gives them no colors
                image = cv2.imdecode(data, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
        if image is None:
            image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ImageError(path, f"cannot be decoded ({error.err or error.code})") from error
    if image is None:
        raise ImageError(path, f"is no readable image (starts with {content[:12]!r})")
    seen = as_eight_bits(image, white_of_portable_map(content))
    rgb = np.asarray(cv2.cvtColor(seen, cv2.COLOR_GRAY2RGB if seen.ndim == 2 else cv2.COLOR_BGR2RGB), dtype=np.uint8)
    alpha = _alpha(content)
    return rgb if alpha is None or alpha.shape != rgb.shape[:2] else filled(rgb, alpha)


def _alpha(content: bytes) -> NDArray[np.uint8] | None:
    """(H, W) how opaque each pixel is, turned as EXIF says; None where the picture has no transparency."""
    if content.startswith(_JPEG_START):
        return None
    picture = _header(io.BytesIO(content))
    if picture is None or not (picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info):
        return None
    try:
        turned = ImageOps.exif_transpose(picture)
        return np.asarray((turned or picture).convert("RGBA").getchannel("A"), dtype=np.uint8)
    except _HEADER_ERRORS:
        return None


def _is_truncated(content: bytes) -> bool:
    """Whether a JPEG or PNG lacks its end marker: some OpenCV versions decode such a file, half of it grey."""
    if content.startswith(_JPEG_START):
        return _jpeg_is_truncated(content)
    if content.startswith(_PNG_SIGNATURE):
        return b"IEND" not in content[-64 * 1024 :]
    return False


def _jpeg_is_truncated(content: bytes) -> bool:
    """Walk the segments to the first scan, then look for the end marker.

    A thumbnail inside EXIF has an end marker of its own, so segments before the scan are skipped by their length; after
    it the marker can't occur in the compressed data, where 0xFF is always followed by 0x00 or a restart marker.
    """
    position = 2
    while position + 4 <= len(content):
        if content[position] != 0xFF:
            return False  # not a segment: let the decoder judge
        marker = content[position + 1]
        if marker == 0xFF:
            position += 1  # fill byte
            continue
        if marker == _JPEG_SCAN:
            return content.find(_JPEG_END, position) < 0
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
    return True
