"""Names of files as text that can be stored and printed: file systems allow bytes that are no text."""

import os
import re
from pathlib import Path

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
