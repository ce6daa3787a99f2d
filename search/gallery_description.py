"""gallery.json: what a gallery holds and which model made it."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FORMAT_VERSION = 1
DESCRIPTION_FILE = "gallery.json"
MIRROR_MARK = "+mirror"
"""Ends the fingerprint where each embedding is averaged with that of the mirrored frame: such embeddings are not
comparable with plain ones of the same weights."""


def is_mirrored(model_fingerprint: str) -> bool:
    """Whether a fingerprint is one of embeddings averaged with those of the mirrored frame."""
    return model_fingerprint.endswith(MIRROR_MARK)


def unmirrored(model_fingerprint: str) -> str:
    """The fingerprint of the weights alone."""
    return model_fingerprint.removesuffix(MIRROR_MARK)


def write_description(path: Path, *, embedding_dim: int, model_fingerprint: str) -> None:
    """Make a folder with tables a gallery; a reader sees the whole file or none."""
    description = {
        "format": FORMAT_VERSION,
        "embedding_dim": embedding_dim,
        "model_fingerprint": model_fingerprint,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    partial = path / f".{DESCRIPTION_FILE}.{os.getpid()}"
    partial.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    partial.replace(path / DESCRIPTION_FILE)


def read_description(path: Path) -> dict[str, Any]:
    """The contents of a gallery's gallery.json, checked.

    Raises:
        FileNotFoundError: no gallery there.
        ValueError: damaged, or of another format.
    """
    file = path / DESCRIPTION_FILE
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(
            f"no gallery at {path} ({file} is missing); make one with `personsearch index`"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is damaged ({error}); restore it, or index into a new folder") from None
    expected = {"format": int, "embedding_dim": int, "model_fingerprint": str}
    if not isinstance(description, dict) or any(
        not isinstance(description.get(key), kind) for key, kind in expected.items()
    ):
        raise ValueError(f"{file} lacks one of {', '.join(expected)}; restore it, or index into a new folder")
    if description["format"] != FORMAT_VERSION:
        raise ValueError(
            f"gallery {path} has format {description['format']}, this version reads {FORMAT_VERSION}; index anew"
        )
    return description
