"""Names of files and of moments in videos as text that can be stored and printed, whatever bytes file systems allow."""

import os
import re
from pathlib import Path

VIDEO_MARK = "#t="
"""Between a video's name or path and the seconds of a frame in it."""

_TOLD_RATE = re.compile(r"@([\d.e+-]+)fps", re.ASCII)
_NO_TEXT = re.compile("[\ud800-\udfff]")
_ESCAPED = re.compile(r"\\x([89a-f][0-9a-f])")
_FIRST, _LAST = 0xDC80, 0xDCFF
"""Python keeps a byte of a file name that is no UTF-8 as one of these code points."""


def written(name: str) -> str:
    r"""A file's name as text that can be stored, printed and sent; names in UTF-8 come back unchanged.

    >>> written("Köln.jpg")
    'Köln.jpg'
    >>> print(written(os.fsdecode(b"K\xf6ln.jpg")))
    K\xf6ln.jpg

    Args:
        name: A name or path as Python gives it.

    Returns:
        The name, with bytes that are no UTF-8 written as a backslash, x and two digits.
    """

    def escaped(match: re.Match[str]) -> str:
        code = ord(match[0])
        return f"\\x{code - 0xDC00:02x}" if _FIRST <= code <= _LAST else f"\\u{code:04x}"

    return _NO_TEXT.sub(escaped, name)


def file_of(name: str) -> Path:
    r"""The file that a written name or path means, see `written`.

    >>> os.fsencode(file_of(r"K\xf6ln.jpg"))  # no file is called so to the letter
    b'K\xf6ln.jpg'

    Args:
        name: What `written` gave.

    Returns:
        The path as it is where there is such a file; otherwise the path with the escaped bytes.
    """
    path = Path(name)
    if "\\x" not in name or os.path.lexists(path):
        return path
    return Path(_ESCAPED.sub(lambda match: chr(0xDC00 + int(match[1], 16)), name))


def moment_name(video: str, seconds: float, rate: float | None = None) -> str:
    """The name of a frame of a video; `moment_named` reads what is behind the mark.

    >>> moment_name("clip.mp4", 12), moment_name("gate.h264", 12, rate=2)
    ('clip.mp4#t=000012.000', 'gate.h264#t=000012.000@2fps')

    Args:
        video: The name of the video.
        seconds: Seconds from its start, 0 or more.
        rate: How many frames a second it has, where that was told because the file holds no times: without it nobody
            finds the frame again.
    """
    return f"{video}{VIDEO_MARK}{seconds:010.3f}{rate_mark(rate)}"


def rate_mark(rate: float | None) -> str:
    """What stands at the end of the name of a frame where its video's rate was told; empty where it was not.

    >>> rate_mark(12.5)
    '@12.5fps'
    """
    return "" if rate is None else f"@{rate:g}fps"


def moment_named(text: str) -> tuple[float, float | None]:
    """The seconds behind the mark of a frame's name, and the rate of its video where that was told.

    >>> moment_named("#t=000012.000"), moment_named("12.5@2fps")
    ((12.0, None), (12.5, 2.0))

    Args:
        text: What stands behind the video's name, with the mark or without it.

    Raises:
        ValueError: It is no such text.
    """
    seconds, _, _ = text.removeprefix(VIDEO_MARK).partition("@")
    told = told_rate(text)
    if "@" in text and told is None:
        raise ValueError(f"{text!r} is no moment of a video, expected seconds, and perhaps a rate such as @2fps")
    return float(seconds), told


def told_rate(name: str) -> float | None:
    """The rate that the name or the place of a frame tells; None where it tells none.

    >>> told_rate("gate.h264#t=000012.000@2fps"), told_rate("clip.mp4#t=000012.000")
    (2.0, None)
    """
    if not name.endswith("fps"):
        return None
    found = _TOLD_RATE.fullmatch(name, name.rfind("@") if "@" in name else len(name))
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None
