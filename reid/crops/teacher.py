"""What a crop model makes of everybody in the training frames, for a joint model to learn from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.samples import CropSample, FrameSample
from reid.crops.sphere_reid import SphereReID
from reid.crops.stored_embeddings import embed_stored_crops
from reid.runs.processes import first_process_first

TEACHER_FILE = "teacher.npz"
"""The teacher's embeddings in the folder of a run."""

CROPS_AT_ONCE = 4096
"""After so many crops the file is written, and a training that is stopped goes on from there."""


@dataclass(frozen=True, eq=False)
class TaughtFrames:
    """A teacher's embeddings of the people in frames.

    Args:
        rows: For each frame (N_i, D) float32, a row of unit length for each of its boxes; a row of zeros where the crop
            could not be read.
        fingerprint: What tells this teacher apart from others, see `SphereReID.fingerprint`.
        failures: The name of each crop that could not be read, and why.
    """

    rows: list[NDArray[np.float32]]
    fingerprint: str
    failures: tuple[tuple[str, str], ...] = ()


def teach_frames(
    teacher: SphereReID,
    frames: Sequence[FrameSample],
    file: Path,
    *,
    dimension: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> TaughtFrames:
    """Computes what a crop model makes of everybody in training frames, for the joint model to imitate.

    People of unknown identity are embedded too, and everybody is cut out along the true box. An embedding that the file
    holds already, by the same teacher and for the same box and picture, is taken from there; see `embed_stored_crops`.
    What is done is saved every few thousand crops, and a save never leaves half a file. If several processes train
    together, the first one computes and the others read the file.

    Args:
        teacher: The crop model.
        frames: The training frames.
        file: Where the embeddings are kept.
        dimension: The length D of the joint model's embeddings, which learn from these.
        on_progress: Called with (crops done, crops in all).

    Returns:
        The embeddings, frame by frame.

    Raises:
        ValueError: The teacher's embeddings have another length, or the file exists and is something else.
        OSError: The file cannot be written.
    """
    require_dimension(teacher, dimension)
    counts = [len(frame.boxes) for frame in frames]
    crops = [_crop(frame, row) for frame, count in zip(frames, counts, strict=True) for row in range(count)]
    embeddings = np.zeros((len(crops), teacher.embedding_dim), dtype=np.float32)
    failures: list[tuple[str, str]] = []
    with first_process_first():
        for start in range(0, len(crops), CROPS_AT_ONCE):
            part = crops[start : start + CROPS_AT_ONCE]
            found = embed_stored_crops(teacher, part, file)
            failures += found.failures
            row_of = {id(sample): start + row for row, sample in enumerate(part)}
            embeddings[[row_of[id(sample)] for sample in found.samples]] = found.embeddings.numpy()
            if on_progress is not None:
                on_progress(start + len(part), len(crops))
    rows = np.split(embeddings, np.cumsum(counts)[:-1]) if counts else []
    return TaughtFrames(rows, teacher.fingerprint(), tuple(failures))


def require_dimension(teacher: SphereReID, dimension: int) -> None:
    """Refuses a teacher whose embeddings have another length than those that learn from them.

    Args:
        teacher: The crop model.
        dimension: The length of the embeddings that are to be compared with the teacher's.

    Raises:
        ValueError: The lengths differ.
    """
    if teacher.embedding_dim != dimension:
        raise ValueError(
            f"the teacher's embeddings have {teacher.embedding_dim} numbers and the joint model's {dimension}, "
            f"expected equally many; give --embedding.dimension {teacher.embedding_dim}"
        )


def _crop(frame: FrameSample, row: int) -> CropSample:
    identity = int(frame.person_ids[row])
    name = f"{frame.name}, box {row + 1}"
    return CropSample(frame.path, identity, frame.camera, frame.boxes[row], name=name, frame_size=frame.size)
