"""Values of label files as programs write them: the meaning of each is clear, or it is refused; nothing is guessed."""

import codecs
import math
import os
import re
import unicodedata
from pathlib import Path

from datasets.samples import UNLABELLED, Camera, canonical_camera

PERSON_WORDS = frozenset(
    {"person", "persons", "people", "pedestrian", "pedestrians", "human", "humans", "human being", "human beings"}
)
"""Names of a category or class that mean a person, in any case and with any blanks, dashes or underscores."""

_WHOLE = re.compile(r"[+-]?\d+(\.0*)?", re.ASCII)
_FLAGS = {"0": False, "1": True, "false": False, "true": True, "": False}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decoded_text(content: bytes) -> str:
    r"""The text of a file in UTF-8, or in UTF-16 or UTF-32 where a byte order mark says so; the mark is left out.

    Args:
        content: The bytes of the file.

    Raises:
        UnicodeDecodeError: The bytes are no such text.

    >>> decoded_text(b"\xef\xbb\xbf1,2"), decoded_text("1,2".encode("utf-16"))
    ('1,2', '1,2')
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    return content.decode(encoding)


def whole_number(value: object) -> int:
    """A whole number, also where a program wrote it as 1.0 or as "1".

    Args:
        value: What stands in the file.

    Raises:
        ValueError: The value is no whole number.

    >>> whole_number(3), whole_number(3.0), whole_number(" 3 "), whole_number("3.0")
    (3, 3, 3, 3)
    """
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is no whole number")
    return value


def yes_or_no(value: object) -> bool:
    """A flag: 0 or 1, false or true, also as a text or with a decimal point; nothing (null) means no.

    Args:
        value: What stands in the file.

    Raises:
        ValueError: The value is none of these.

    >>> yes_or_no(1), yes_or_no("0"), yes_or_no("False"), yes_or_no(0.0), yes_or_no(None)
    (True, False, False, False, False)
    """
    if value is None or isinstance(value, bool):
        return bool(value)
    text = str(value).strip().casefold()
    if _WHOLE.fullmatch(text):
        text = str(int(text.partition(".")[0]))
    if not isinstance(value, int | float | str) or text not in _FLAGS:
        raise ValueError(f"is {value!r}, expected 0 or 1")
    return _FLAGS[text]


def person_number(value: object) -> int:
    """An identity of 0 or more, or UNLABELLED (-1) for a person of unknown identity, which nothing (null) also means.

    Args:
        value: What stands in the file: a number, or the text of one.

    Raises:
        ValueError: The value is no such number.
    """
    if value is None:
        return UNLABELLED
    try:
        number = whole_number(value)
    except ValueError:
        number = UNLABELLED - 1
    if not UNLABELLED <= number < 2**62:
        raise ValueError(f"person_id is {value!r}, expected a whole number >= 0, or -1 for an unknown identity")
    return number


def camera_value(value: object) -> Camera | None:
    """A camera's number or name as a label file writes it; 3, 3.0, "3" and "3.0" are one camera.

    Args:
        value: What stands in the file; nothing (null) or a blank text stands for an unknown camera.

    Raises:
        ValueError: The value is neither a whole number nor a text.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    text = isinstance(value, str)
    if text and not re.fullmatch(r"\d+\.0+", str(value).strip(), re.ASCII):
        return canonical_camera(str(value))
    try:
        return whole_number(value)
    except ValueError:
        raise ValueError(f"camera_id is {value!r}, expected a whole number or a text") from None


def means_person(name: object) -> bool:
    """Whether the name of a category or class means a person.

    Args:
        name: The name as the file writes it.

    >>> means_person("Pedestrians "), means_person("car")
    (True, False)
    """
    return " ".join(re.split(r"[\s_-]+", unicodedata.normalize("NFKC", str(name)).casefold().strip())) in PERSON_WORDS


def name_key(name: str) -> str:
    """The text by which file names of two records are compared: ./a.jpg and a.jpg name one file.

    Args:
        name: A file name with forward slashes; letters may be composed in any way.
    """
    return os.path.normpath(unicodedata.normalize("NFC", name))


def written_name(folder: Path, name: str) -> str:
    """The name of a file below a folder as the file system has it, where the label file writes it in another way.

    Windows writes backslashes between folders, and macOS composes letters such as ü of two characters. A file that has
    exactly the written name is preferred.

    Args:
        folder: The folder that the name is relative to.
        name: The name as the label file writes it.

    Returns:
        The name of a file that is there. Where none is, the name with forward slashes.
    """
    if "\\" not in name and name.isascii():
        return name
    if _exists(folder / name):
        return name
    slashed = name.replace("\\", "/")
    for candidate in (slashed, *(unicodedata.normalize(form, slashed) for form in ("NFC", "NFD"))):
        if _exists(folder / candidate):
            return candidate
    return slashed


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file system takes
        return False
