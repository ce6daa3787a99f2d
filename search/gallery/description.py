"""gallery.json: what a gallery holds and which models made it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from datasets.files import write_whole

FORMAT_VERSION = 1
SECOND_STAGE_VERSION = 2
"""Of galleries with a second stage, which versions of the project that know none must not open."""

DESCRIPTION_FILE = "gallery.json"
MIRROR_MARK = "+mirror"
"""Ends the fingerprint where each embedding is averaged with that of the mirrored frame: such embeddings are not
comparable with plain ones of the same weights."""


@dataclass(frozen=True)
class SecondStage:
    """The second stage's column of a gallery.

    Args:
        embedding_dim: width of its embeddings.
        fingerprint: names the crop model that made them.
    """

    embedding_dim: int
    fingerprint: str


@dataclass(frozen=True)
class GalleryDescription:
    """What gallery.json says.

    Args:
        embedding_dim: width D of the embeddings.
        model_fingerprint: names the weights they come from.
        second_stage: None where there is none.
        tracklet_blend: share of its tracklet's mean in each sighting's embedding (`search.tracks.averaging`), None
            where each is its own.
    """

    embedding_dim: int
    model_fingerprint: str
    second_stage: SecondStage | None = None
    tracklet_blend: float | None = None


@dataclass(frozen=True)
class GallerySummary:
    """What a gallery holds, of flushed frames."""

    sightings: int
    frames: int
    cameras: tuple[str, ...]
    first: float | None
    last: float | None
    embedding_dim: int
    model_fingerprint: str
    second_stage: SecondStage | None = None
    tracklet_blend: float | None = None


def is_mirrored(model_fingerprint: str) -> bool:
    """Whether a fingerprint is one of embeddings averaged with those of the mirrored frame."""
    return model_fingerprint.endswith(MIRROR_MARK)


def unmirrored(model_fingerprint: str) -> str:
    """The fingerprint of the weights alone."""
    return model_fingerprint.removesuffix(MIRROR_MARK)


def require_model(
    path: Path, described: GalleryDescription, embedding_dim: int | None, model_fingerprint: str | None
) -> None:
    """Refuse a model whose embeddings are not comparable with those of a gallery; None is not checked.

    Raises:
        ValueError: another width or another fingerprint.
    """
    remedy = "use the model it was indexed with, or index into a new folder"
    if model_fingerprint is not None and unmirrored(model_fingerprint) == unmirrored(described.model_fingerprint):
        did = "with" if is_mirrored(described.model_fingerprint) else "without"
        remedy = f"it was indexed {did} --mirrored: do so again, or index into a new folder"
    if embedding_dim is not None and embedding_dim != described.embedding_dim:
        raise ValueError(
            f"gallery {path} holds embeddings of width {described.embedding_dim}, "
            f"the model makes width {embedding_dim}; {remedy}"
        )
    if model_fingerprint is not None and model_fingerprint != described.model_fingerprint:
        raise ValueError(
            f"gallery {path} was indexed with model {described.model_fingerprint}, "
            f"this is model {model_fingerprint}; {remedy}"
        )


def require_second_stage(
    path: Path, described: GalleryDescription, second_stage: SecondStage | None, *, optional: bool = False
) -> None:
    """Refuse a second stage that is not the gallery's own.

    Args:
        path: of the gallery, for the error.
        described: what the gallery has.
        second_stage: what is at hand.
        optional: True lets a gallery that has one be used without it, for reading.

    Raises:
        ValueError: only one of the two has a second stage, or they are of different models.
    """
    own = described.second_stage
    if second_stage == own or (second_stage is None and optional):
        return
    if own is None:
        raise ValueError(
            f"gallery {path} has no second stage; leave --second-stage out, or index into a new folder with it"
        )
    if second_stage is None:
        raise ValueError(
            f"gallery {path} was indexed with second stage {own.fingerprint}; give --second-stage with that model, "
            "or index into a new folder"
        )
    raise ValueError(
        f"gallery {path} was indexed with second stage {own.fingerprint}, this is {second_stage.fingerprint}; "
        "use the one it was indexed with, or index into a new folder"
    )


def require_tracklets(path: Path, described: GalleryDescription, tracklet_blend: float | None) -> None:
    """Refuse to add sightings that are averaged otherwise than those of a gallery: its description would be wrong.

    Raises:
        ValueError: only one of both is averaged over tracklets, or by another share.
    """
    own = described.tracklet_blend
    if own == tracklet_blend:
        return
    did = "without --tracklets" if own is None else f"with --tracklets and --tracklet-blend {own:g}"
    raise ValueError(f"gallery {path} was indexed {did}: do so again, or index into a new folder")


def write_description(path: Path, description: GalleryDescription) -> None:
    """Make a folder with tables a gallery; a reader sees the whole file or none."""
    second = description.second_stage
    content: dict[str, Any] = {
        "format": FORMAT_VERSION if second is None else SECOND_STAGE_VERSION,
        "embedding_dim": description.embedding_dim,
        "model_fingerprint": description.model_fingerprint,
    }
    if second is not None:
        content["second_stage"] = {"embedding_dim": second.embedding_dim, "fingerprint": second.fingerprint}
    if description.tracklet_blend is not None:
        content["tracklet_blend"] = float(description.tracklet_blend)
    content["created"] = datetime.now(UTC).isoformat(timespec="seconds")
    write_whole(path / DESCRIPTION_FILE, json.dumps(content, indent=2) + "\n")


def read_description(path: Path) -> GalleryDescription:
    """The contents of a gallery's gallery.json, checked.

    Raises:
        FileNotFoundError: no gallery there.
        ValueError: damaged, or of another format.
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
    _require_keys(file, content, {"format": int, "embedding_dim": int, "model_fingerprint": str})
    if content["format"] not in (FORMAT_VERSION, SECOND_STAGE_VERSION):
        raise ValueError(
            f"gallery {path} has format {content['format']}, this version reads {FORMAT_VERSION} and "
            f"{SECOND_STAGE_VERSION}; index anew"
        )
    second = None
    if content["format"] == SECOND_STAGE_VERSION:
        stored = content.get("second_stage")
        _require_keys(file, stored, {"embedding_dim": int, "fingerprint": str})
        second = SecondStage(stored["embedding_dim"], stored["fingerprint"])
    if "tracklet_blend" in content:
        _require_keys(file, content, {"tracklet_blend": float})
    blend = content.get("tracklet_blend")
    return GalleryDescription(content["embedding_dim"], content["model_fingerprint"], second, blend)


def _require_keys(file: Path, content: Any, expected: dict[str, type]) -> None:
    if not isinstance(content, dict) or any(not isinstance(content.get(key), kind) for key, kind in expected.items()):
        raise ValueError(f"{file} lacks one of {', '.join(expected)}; restore it, or index into a new folder")
