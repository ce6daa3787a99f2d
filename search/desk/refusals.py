"""Why something is not done: one class for each kind, and the one table of the sentences, each with a code.

The page says the sentences in the language of its reader: `server.CODE` in its files of texts.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SENTENCES = {
    "another_site": "The request comes from a page of another site, which may not ask this server.",
    "broke_off": "The request broke off.",
    "cannot_be_met": "{why}",
    "clips_busy": "Too many clips are being made at the same moment; try again.",
    "defect": "Something went wrong here; whoever started the server finds the reason in its log.",
    "empty_box": "The box of this sighting holds no pixel.",
    "example_is_none": (
        "An example has {given}; expected a sighting, a probe and a person in it, or a probe or frame and a box in it."
    ),
    "example_removed": "A sighting given as an example is not in the gallery any more; choose another one.",
    "exports_busy": "Too many cases are being exported at the same moment; try again.",
    "filters_cannot_be_met": "The filters cannot be met: {why}.",
    "footage_changed": "The footage of this frame was replaced by another file since it was indexed.",
    "footage_gone": "The footage of this frame is gone: its file is not where it was when it was indexed.",
    "footage_is_stream": (
        "This frame came from a live stream, which was not recorded: only the pictures of the people are kept."
    ),
    "footage_shows_another": (
        "The footage of this frame can no longer be read, or shows another picture than was indexed."
    ),
    "footage_unreadable": "The footage around this sighting can no longer be read.",
    "headers_late": "The request's headers did not arrive within {seconds} seconds.",
    "invalid_value": "{place}: {why}.",
    "models_busy": "Too many searches and uploads are waiting; try again in a moment.",
    "models_not_loaded": (
        "The models of this gallery cannot be loaded; whoever started the server finds the reason in its log."
    ),
    "needs_token": "This server needs its token: log in, or send the header Authorization: Bearer TOKEN.",
    "no_camera": "The gallery has no camera of this name.",
    "no_case": "There is no such case; it may have been removed.",
    "no_case_picture": "This case has no such picture.",
    "no_frame": "This frame is not in the gallery; it may have been removed, load the page again.",
    "no_json": "The request's body is no JSON; send an object.",
    "no_person": "The picture has no person {person}: {people} people were found in it.",
    "no_picture": "This file is no picture of a kind that is read here: JPEG, PNG, WebP, BMP, TIFF or GIF.",
    "no_sighting": "This sighting is not in the gallery; it may have been removed, load the page again.",
    "not_asked_so": "This address is not asked in that way.",
    "nothing_here": "There is nothing at this address.",
    "other_name": "This server is not called by that name; open it by the address that it printed when it began.",
    "picture_cut": "This file begins like a picture, but its size cannot be read; it is damaged or cut off.",
    "picture_not_kept": "This picture is not kept any more; upload it again.",
    "picture_too_many_pixels": "The picture has {width} x {height} pixels, more than {most}; make it smaller.",
    "picture_unreadable": "The picture cannot be read: it {why}; choose another file.",
    "request_late": "The request did not arrive within {seconds} seconds.",
    "request_too_large": "The request is larger than {most} bytes; send less.",
    "request_unreadable": "The request cannot be read; send what docs/api.md describes.",
    "token_in_address": (
        "A token in an address is refused, for histories and logs keep addresses; send it as a header."
    ),
    "too_many_answers": "A search shows at most {most} sightings, asked for are {given}.",
    "too_many_examples": "A search takes 1 to {most} examples of the person, given are {given}.",
    "too_many_others": "A search takes at most {most} examples of others, given are {given}.",
    "too_many_pictures": "A search takes at most {most} pictures of the person beside sightings.",
    "too_many_tokens": "Too many wrong tokens; wait a minute.",
    "too_many_uploads": "More than {most} pictures came within a minute; wait a moment.",
    "too_much_asked": "The address asks for too much at once.",
    "two_headers": "The request has {count} headers {name}, expected one.",
    "upload_too_large": "The file is larger than {most} MB; choose a smaller picture.",
    "uploads_busy": "Too many pictures are being uploaded at the same moment; try again.",
    "wrong_token": "This is not the token.",
    "wrong_type": "The request is of type {given}, expected {expected}.",
}
"""Every sentence that says why something is not done, by its code; what stands in braces is a value of the refusal."""

Values = dict[str, str | int]


def sentence_of(code: str, values: Values) -> str:
    """A sentence with its values; whole numbers are written with commas.

    >>> sentence_of("request_too_large", {"most": 262144})
    'The request is larger than 262,144 bytes; send less.'

    Args:
        code: One of `SENTENCES`.
        values: What stands in its braces.
    """
    shown = {name: f"{value:,}" if isinstance(value, int) else value for name, value in values.items()}
    return SENTENCES[code].format_map(shown)


def told(code: str, values: Values) -> dict[str, object]:
    """A refusal as an answer in JSON: the sentence, its code, and its values."""
    return {"error": sentence_of(code, values), "code": code, "values": values}


class Refusal(Exception):
    """What somebody asks for is not done; the text is one whole sentence that says why and what helps.

    Args:
        code: One of `SENTENCES`.
        **values: What stands in the braces of the sentence.
    """

    def __init__(self, code: str, **values: str | int) -> None:
        super().__init__(sentence_of(code, values))
        self.code, self.values = code, values


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
        raise Unusable("cannot_be_met", why=sentence(str(error), folder, name)) from error
