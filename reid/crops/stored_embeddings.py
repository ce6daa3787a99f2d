"""Embeddings of crops kept in a file, so that a second evaluation of the same model starts at once."""

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from datasets.files import whole_file
from datasets.samples import CropSample
from reid.crops.sphere_reid import SphereReID
from reid.crops.splits import CropEmbeddings, embed_crops


def embed_stored_crops(
    model: SphereReID,
    samples: Sequence[CropSample],
    file: Path,
    *,
    batch_size: int = 64,
    mirrored: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
) -> CropEmbeddings:
    """Computes the unit embeddings of those crops that a file does not hold; the file then holds them too.

    An embedding is taken from the file where it was made by the same weights, of a picture of the same path, size and
    time of change. A file of another model is written anew.

    Args:
        model: The crop model.
        samples: The crops.
        file: NumPy's .npz; it need not exist.
        batch_size: How many crops go through the network together. More takes more memory.
        mirrored: Whether to average with the embedding of the mirrored crop. Embeddings with and without are not mixed.
        on_progress: Called with (crops done, crops in all) of the crops that are not stored.

    Returns:
        The embeddings of all crops that could be read.

    Raises:
        ValueError: The file exists and is something else.
        OSError: The file cannot be written.
    """
    key = f"{model.fingerprint()} mirrored={mirrored}"
    versions = [_version(sample) for sample in samples]
    names, rows = _read(file, key)
    row_of = {name: row for row, name in enumerate(names)}
    new = [sample for sample, version in zip(samples, versions, strict=True) if version not in row_of]
    fresh = embed_crops(model, new, batch_size=batch_size, mirrored=mirrored, on_progress=on_progress)
    if not len(rows):
        rows = np.zeros((0, model.embedding_dim), dtype=np.float32)
    added = [_version(sample) for sample in fresh.samples]
    row_of |= {name: len(names) + row for row, name in enumerate(added)}
    names += added
    rows = np.concatenate([rows, fresh.embeddings.numpy()])
    if added:
        _write(file, key, names, rows)
    kept = [row for row, version in enumerate(versions) if version in row_of]
    embeddings = torch.from_numpy(rows[[row_of[versions[row]] for row in kept]])
    return CropEmbeddings([samples[row] for row in kept], embeddings, fresh.failures)


def _version(sample: CropSample) -> str:
    """What changes when the crop does."""
    try:
        status = sample.path.stat()
    except OSError:
        return ""
    box = "" if sample.box is None else sample.box.tobytes().hex()
    return f"{sample.path.resolve()}|{sample.entry or ''}|{box}|{status.st_size}|{status.st_mtime_ns}"


def _read(file: Path, key: str) -> tuple[list[str], NDArray[np.float32]]:
    """The stored versions and their embeddings; nothing where the file is absent or another model's."""
    nothing: tuple[list[str], NDArray[np.float32]] = [], np.zeros((0, 1), dtype=np.float32)
    if not file.exists():
        return nothing
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            if str(arrays["model"]) != key:
                return nothing
            return arrays["crops"].tolist(), arrays["embeddings"]
    except (ValueError, KeyError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{file} is no file of stored embeddings ({str(error).splitlines()[0]}); remove it or name another"
        ) from None


def _write(file: Path, key: str, names: list[str], rows: NDArray[np.float32]) -> None:
    """Write whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file) as unfinished, unfinished.open("wb") as opened:
        np.savez(opened, model=np.array(key), crops=np.array(names), embeddings=rows)
