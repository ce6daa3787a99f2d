"""Why the desk does not do what it is asked: one class for each kind, each with one sentence for the reader."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Refusal(Exception):
    """What somebody asks for is not done; the text is one whole sentence that says why and what helps."""


class NotThere(Refusal):
    """Something of that key or name is not known here, or its footage is gone."""


class Unusable(Refusal):
    """What was asked cannot be meant: a number out of its range, a camera that the gallery does not have."""


class NoPicture(Refusal):
    """What was given as a picture is none, or is of a kind that is not read here."""


class TooLarge(Refusal):
    """What was given has more bytes or pixels than are taken."""


class TooMany(Refusal):
    """More is asked for at once than is done for one reader; it goes on after a while."""


class NotReady(Refusal):
    """The models of the gallery cannot be loaded."""


def sentence(text: str, folder: Path, name: str) -> str:
    """An error of the library as one sentence that does not tell where things lie on the disk.

    >>> sentence("camera 'x' is not in gallery /disk/people; it has: 1, 2", Path("/disk/people"), "people")
    "Camera 'x' is not in gallery people; it has: 1, 2."

    Args:
        text: The error's text.
        folder: The folder that the text may name.
        name: What stands for the folder.
    """
    text = re.sub(r"\s+", " ", text.replace(str(folder), name)).strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?')) else '.'}"


@contextmanager
def said_plainly(folder: Path, name: str) -> Iterator[None]:
    """Turn a ValueError of the block, which is about what somebody asked, into a refusal that says it.

    Args:
        folder: The folder that the error may name.
        name: What stands for the folder.

    Raises:
        Unusable: The block raised a ValueError.
    """
    try:
        yield
    except ValueError as error:
        raise Unusable(sentence(str(error), folder, name)) from error
