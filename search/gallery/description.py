"""gallery.json: what a gallery holds, what made its vectors, and where those models are."""

import dataclasses
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from datasets.files import write_whole
from datasets.footage.cameras import CameraDescription
from search.models.embedded_by import EmbeddedBy
from search.models.model_files import ModelFiles
from search.models.noted_paths import is_shipped

FORMAT_VERSION = 3
OLD_VERSIONS = (1, 2)
"""The formats of earlier versions, which can still be read. Galleries of format 1 have no second stage."""

DESCRIPTION_FILE = "gallery.json"


@dataclass(frozen=True)
class GalleryDescription:
    """What gallery.json says.

    >>> GalleryDescription(256, EmbeddedBy("0123456789abcdef")).second_dim is None
    True

    Args:
        embedding_dim: The width D of the first stage's embeddings, more than 0.
        embedded_by: What made the vectors; only vectors made alike can be compared.
        second_dim: The width E of the second stage's embeddings, None without a second stage.
        files: Where the files of the models were when the gallery was made; empty where nobody knows.
        rendered_sources: The sources, as the gallery names them, whose frames a program rendered.
        cameras: What a cameras file said of its cameras, in the order of their ids; cameras that nobody described have
            no entry.
        second_weight: The share of the second stage, from 0 to 1, that had been learned for the two models when the
            gallery was made; None where none had.

    Raises:
        ValueError: A width is not positive, the second stage has a width without a fingerprint or the reverse, or the
            share is out of its range.
    """

    embedding_dim: int
    embedded_by: EmbeddedBy
    second_dim: int | None = None
    files: ModelFiles = field(default_factory=ModelFiles)
    rendered_sources: tuple[str, ...] = ()
    cameras: tuple[CameraDescription, ...] = ()
    second_weight: float | None = None

    def __post_init__(self) -> None:
        if self.second_weight is not None and not 0 <= self.second_weight <= 1:
            raise ValueError(f"second weight {self.second_weight}, expected a share from 0 to 1, or none")
        for width in (self.embedding_dim, 1 if self.second_dim is None else self.second_dim):
            if width <= 0:
                raise ValueError(f"embedding width {width}, expected a positive number")
        if (self.second_dim is None) != (self.embedded_by.second_stage is None):
            raise ValueError(
                "the second stage has a width or a fingerprint, but not the other one; expected both or none"
            )

    @property
    def widths(self) -> tuple[int, int | None]:
        """The widths of the embeddings of both stages; None without a second stage."""
        return self.embedding_dim, self.second_dim

    def first_stage(self) -> "GalleryDescription":
        """The same without the second stage."""
        return dataclasses.replace(self, embedded_by=self.embedded_by.first_stage, second_dim=None)

    def camera(self, name: str) -> CameraDescription:
        """What is known of a camera; its id is its name where nobody described it.

        Args:
            name: The camera's id, as sightings have it.
        """
        return next((one for one in self.cameras if one.id == name), CameraDescription(name, name))


@dataclass(frozen=True)
class GallerySummary:
    """What a gallery holds, counted over the frames that are on disk.

    Args:
        sightings: How many people were seen in them.
        frames: How many frames there are.
        cameras: The names of their cameras, sorted; frames of unknown camera add none.
        first: The earliest time of a frame in seconds, None where no frame has a time.
        last: The latest time of a frame in seconds, None where no frame has a time.
        embedding_dim: The width of the first stage's embeddings.
        embedded_by: What made the vectors.
    """

    sightings: int
    frames: int
    cameras: tuple[str, ...]
    first: float | None
    last: float | None
    embedding_dim: int
    embedded_by: EmbeddedBy


def require_same_models(
    path: Path, own: GalleryDescription, given: GalleryDescription, *, reading: bool, empty: bool = False
) -> None:
    """Refuse models whose embeddings are not comparable with those of a gallery.

    Args:
        path: The gallery's folder, for the message.
        own: What the gallery says.
        given: What the models at hand make.
        reading: Whether the gallery is only searched. The second stage may then be left out. How sightings were
            averaged over tracklets does not matter then, because the picture that one searches by is never averaged.
        empty: Whether nothing was put into the gallery yet.

    Raises:
        ValueError: A model is not the one that filled the gallery, or it was used in another way.
    """
    mine, theirs = own.embedded_by, given.embedded_by
    anew = f"or index into a new folder{' (this one holds nothing yet and may be removed)' if empty else ''}"
    if mine.model != theirs.model or own.embedding_dim != given.embedding_dim:
        if own.files.owner is not None and own.files.owner == given.files.owner and is_shipped(own.files.owner):
            raise ValueError(
                f"gallery {path} was indexed with {own.files.owner.name} of another version of personsearch, whose "
                f"weights differ; use that version, {anew}"
            )
        raise ValueError(
            f"gallery {path} was indexed with another model than the one given: their weights differ; "
            f"use what it was indexed with{_by_options(own.files)}, {anew}"
        )
    if mine.mirrored != theirs.mirrored:
        did, do = ("with", "give it again") if mine.mirrored else ("without", "leave it out")
        raise ValueError(f"gallery {path} was indexed {did} --mirrored; {do}, {anew}")
    if (mine.second_stage, own.second_dim) != (theirs.second_stage, given.second_dim):
        if mine.second_stage is None:
            raise ValueError(f"gallery {path} has no second stage; leave --second-stage out, {anew} with it")
        if theirs.second_stage is not None:
            where = f", {own.files.second_stage}" if own.files.second_stage is not None else ""
            raise ValueError(
                f"gallery {path} was indexed with another second stage than the one given: their weights differ; "
                f"use the one it was indexed with{where}, {anew}"
            )
        if not reading:
            raise ValueError(f"gallery {path} was indexed with a second stage; give --second-stage too, {anew}")
    if mine.tracklet_blend != theirs.tracklet_blend and not reading:
        share = mine.tracklet_blend
        did = "without --tracklets" if share is None else f"with --tracklets and --tracklet-blend {share:g}"
        do = "leave it out" if share is None else "give both again"
        raise ValueError(f"gallery {path} was indexed {did}; {do}, {anew}")


def write_description(path: Path, description: GalleryDescription) -> None:
    """Write gallery.json, which makes a folder of tables a gallery; a reader sees the whole file or none."""
    content = {
        "format": FORMAT_VERSION,
        "embedding_dim": description.embedding_dim,
        "second_dim": description.second_dim,
        "embedded_by": description.embedded_by.to_dict(),
        "files": description.files.to_dict(),
        "rendered_sources": list(description.rendered_sources),
        "cameras": {one.id: one.to_dict() for one in description.cameras},
        "second_weight": description.second_weight,
        # Two files of equal content are told apart where a place has no number of its own for each.
        "written": uuid.uuid4().hex,
        "created": _created(path) or datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_whole(path / DESCRIPTION_FILE, json.dumps(content, indent=2) + "\n", durable=True)


def note_cameras(
    path: Path, description: GalleryDescription, cameras: Sequence[CameraDescription]
) -> GalleryDescription:
    """Note down what is known of cameras in a gallery; what was known of them before is replaced.

    Args:
        path: The gallery's folder.
        description: What the gallery says now.
        cameras: Cameras with different ids.

    Returns:
        What the gallery says afterwards.

    Raises:
        OSError: gallery.json cannot be written.
    """
    known = {one.id: one for one in description.cameras} | {one.id: one for one in cameras}
    after = dataclasses.replace(description, cameras=tuple(known[name] for name in sorted(known)))
    if after != description:
        write_description(path, after)
    return after


def _created(path: Path) -> str | None:
    """When the gallery was made, where its description says so already."""
    try:
        return str(json.loads((path / DESCRIPTION_FILE).read_text(encoding="utf-8"))["created"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_description(path: Path) -> GalleryDescription:
    """The contents of a gallery's gallery.json, checked; those of earlier versions are converted.

    Raises:
        FileNotFoundError: No gallery is there.
        ValueError: The file is damaged, or of another format.
    """
    file = path / DESCRIPTION_FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(
            f"no gallery at {path} ({file} is missing); make one with `personsearch index`"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is damaged ({error}); restore it, or index into a new folder") from None
    _require_keys(file, content, {"format": int, "embedding_dim": int})
    if content["format"] not in (*OLD_VERSIONS, FORMAT_VERSION):
        raise ValueError(
            f"gallery {path} has format {content['format']}, this version reads formats up to {FORMAT_VERSION}; "
            "use the version that made it, or index anew"
        )
    if content["format"] in OLD_VERSIONS:
        return _converted(file, content)
    _require_keys(file, content, {"embedded_by": dict, "files": dict})
    try:
        embedded_by, files = EmbeddedBy.from_dict(content["embedded_by"]), ModelFiles.from_dict(content["files"])
        rendered = tuple(map(str, content.get("rendered_sources", ())))
        cameras = tuple(CameraDescription.from_dict(*one) for one in content.get("cameras", {}).items())
        share = content.get("second_weight")
        return GalleryDescription(
            content["embedding_dim"], embedded_by, content.get("second_dim"), files, rendered, cameras, share
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is damaged ({error}); restore it, or index into a new folder") from None


def _converted(file: Path, content: dict[str, Any]) -> GalleryDescription:
    """A description in format 1 or 2, which did not say where the models are."""
    _require_keys(file, content, {"model_fingerprint": str})
    second_dim = second = None
    if content["format"] == 2:
        stored: Any = content.get("second_stage")
        _require_keys(file, stored, {"embedding_dim": int, "fingerprint": str})
        second_dim, second = stored["embedding_dim"], stored["fingerprint"]
    if "tracklet_blend" in content:
        _require_keys(file, content, {"tracklet_blend": float})
    embedded_by = EmbeddedBy.from_marked(content["model_fingerprint"], second, content.get("tracklet_blend"))
    return GalleryDescription(content["embedding_dim"], embedded_by, second_dim)


def _require_keys(file: Path, content: Any, expected: dict[str, type]) -> None:
    if not isinstance(content, dict) or any(not isinstance(content.get(key), kind) for key, kind in expected.items()):
        raise ValueError(f"{file} lacks one of {', '.join(expected)}; restore it, or index into a new folder")


def _by_options(files: ModelFiles) -> str:
    """The options that name some model files, after a comma; nothing where nobody noted them."""
    named = {"--model": files.model, "--detector": files.detector, "--second-stage": files.second_stage}
    options = [f"{option} {file}" for option, file in named.items() if file is not None]
    return f", {' '.join(options)}" if options else ""
