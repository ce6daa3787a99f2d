"""Detections and tracks in MOTChallenge's text format: frame, track, left, top, width, height, confidence, ...

One file a sequence, `NAME.txt`; pixels are 1-based there and 0-based here. Detections (det/det.txt) have the track -1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import torch
from numpy.typing import NDArray

from datasets.boxes import FloatBoxes
from datasets.files import write_whole
from datasets.frame_numbers import own_numbers
from datasets.samples import FrameSample
from detection.detections import Detections
from search.tracks.tracker import UNTRACKED, TrackIds
from search.tracks.tracklets import by_camera


@dataclass(frozen=True, eq=False)
class TrackRows:
    """The rows of one file, N of them, in its order.

    Args:
        frame: (N,) frame numbers, from 1.
        track: (N,) track numbers as written, -1 in files of detections.
        boxes: (N, 4) float32 xyxy, 0-based pixels.
        scores: (N,) float32 confidences.
    """

    frame: NDArray[np.int64]
    track: TrackIds
    boxes: FloatBoxes
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, rows: NDArray[np.generic]) -> "TrackRows":
        return TrackRows(self.frame[rows], self.track[rows], self.boxes[rows], self.scores[rows])


def read_rows(path: Path) -> TrackRows:
    """Read a file of tracks or of detections; a missing confidence is 1.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a row is not of the format, names no frame, or its box has no area.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is not there, expected a text file of rows frame, track, left, top, width, height"
        )
    rows: list[list[float]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            values = [float(value) for value in line.split(",")[:7]]
            frame, track, _, _, width, height = values[:6]
            if not np.isfinite(values).all() or frame < 1 or frame % 1 or track % 1 or width <= 0 or height <= 0:
                raise ValueError
        except ValueError as error:
            raise ValueError(
                f"{path} line {number} is {line[:60]!r}, expected frame >= 1, track, left, top, width > 0, height > 0, "
                "confidence; correct the row or remove it"
            ) from error
        rows.append([*values, 1.0][:7])
    table = np.array(rows, dtype=np.float64).reshape(-1, 7)
    left_top = table[:, 2:4] - 1
    boxes = np.concatenate([left_top, left_top + table[:, 4:6]], axis=1).astype(np.float32)
    return TrackRows(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), boxes, table[:, 6].astype(np.float32))


def number_frames(frames: Sequence[FrameSample], *, by_file_name: bool) -> dict[str, dict[int, FrameSample]]:
    """Sequence name -> frame number -> frame; a sequence is one camera's frames.

    Args:
        frames: Frames of any cameras.
        by_file_name: Whether the number is the one that the image file's name ends with, as in MOTChallenge's
            img1/000001.jpg. Without it, and where names have no number or begin with 0, frames are counted from 1 in
            time order: the rows of MOTChallenge's files have no frame 0.

    Raises:
        ValueError: two cameras have one name, two pictures one number, or only some frames of a camera have a time.
    """
    sequences: dict[str, dict[int, FrameSample]] = {}
    for camera, members in by_camera(frames).items():
        # A camera's name may hold what a file's name may not.
        name = "frames" if camera is None else quote(str(camera), safe=" ()+,=@")
        if name in sequences:
            raise ValueError(f"two cameras are called {name}, one by a number, one by a text; rename one of them")
        numbers = own_numbers([frame.path for _, frame in members]) if by_file_name else None
        if numbers is None or min(numbers) < 1:
            numbers = list(range(1, len(members) + 1))
        sequences[name] = {number: frame for number, (_, frame) in zip(numbers, members, strict=True)}
    return sequences


def read_public_detections(sequences: Mapping[str, Mapping[int, FrameSample]]) -> dict[str, Detections]:
    """What det/det.txt of each MOTChallenge sequence says was detected; rows of frames that are not there count not.

    Args:
        sequences: Sequence name -> frame number -> frame, as `number_frames` gives them; the images lie in
            SEQUENCE/img1/.

    Returns:
        Frame name -> Detections without embeddings, for every frame.

    Raises:
        FileNotFoundError, ValueError: as `read_rows`.
    """
    found: dict[str, Detections] = {}
    for frames in sequences.values():
        folder = next(iter(frames.values())).path.parent.parent
        rows = read_rows(folder / "det" / "det.txt")
        found |= {name: _detections(part) for name, part in _by_frame(rows, _as_rows_count(frames, rows)).items()}
    return found


def read_tracks(
    path: Path, sequences: Mapping[str, Mapping[int, FrameSample]]
) -> tuple[dict[str, Detections], dict[str, TrackIds], int]:
    """Tracks in MOTChallenge's result format.

    Args:
        path: a folder with NAME.txt for every sequence, or the file where there is one sequence.
        sequences: Sequence name -> frame number -> frame, as `number_frames` gives them.

    Returns:
        Frame name -> Detections without embeddings and frame name -> track numbers, for every frame; and how many rows
        were left out because their frames are not there.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: as `read_rows`, a file for several sequences, or a row without a track.
    """
    if path.is_file() and len(sequences) > 1:
        raise ValueError(
            f"{path} is one file for {len(sequences)} sequences, expected a folder with {next(iter(sequences))}.txt "
            "and so on; give the folder, or the root of one sequence"
        )
    found: dict[str, Detections] = {}
    tracks: dict[str, TrackIds] = {}
    left_out = 0
    for name, frames in sequences.items():
        file = path if path.is_file() else path / f"{name}.txt"
        rows = read_rows(file)
        if (rows.track < 0).any():
            raise ValueError(
                f"{file} has rows of track {rows.track.min()}, expected numbers from 0: are they detections?"
            )
        parts = _by_frame(rows, _as_rows_count(frames, rows))
        found |= {frame: _detections(part) for frame, part in parts.items()}
        tracks |= {frame: part.track for frame, part in parts.items()}
        left_out += len(rows) - sum(map(len, parts.values()))
    return found, tracks, left_out


def write_tracks(
    folder: Path,
    sequences: Mapping[str, Mapping[int, FrameSample]],
    detections: Mapping[str, Detections],
    tracks: Mapping[str, TrackIds],
) -> list[Path]:
    """Write NAME.txt for every sequence in MOTChallenge's result format; track numbers are written from 1.

    Args:
        folder: made where missing.
        sequences: Sequence name -> frame number -> frame, as `number_frames` gives them.
        detections: frame name -> Detections; missing frames have no rows.
        tracks: frame name -> (N,) track numbers; UNTRACKED detections are not written.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, frames in sequences.items():
        lines = []
        for number, frame in frames.items():
            if frame.name not in tracks:
                continue
            found = detections[frame.name]
            for track, box, score in zip(tracks[frame.name], found.boxes.tolist(), found.scores.tolist(), strict=True):
                if track != UNTRACKED:
                    left, top, right, bottom = box
                    place = f"{left + 1:.3f},{top + 1:.3f},{right - left:.3f},{bottom - top:.3f}"
                    lines.append(f"{number},{track + 1},{place},{score:.4f},-1,-1,-1\n")
        files.append(folder / f"{name}.txt")
        write_whole(files[-1], "".join(lines))
    return files


def _as_rows_count(frames: Mapping[int, FrameSample], rows: TrackRows) -> Mapping[int, FrameSample]:
    """The frames of a sequence by the numbers that its rows use.

    Trackers count the pictures that they are given from 1, also where the first one is called 000100.jpg.
    """
    first, last, count = min(frames), max(frames), len(frames)
    unbroken = last - first + 1 == count
    if unbroken and len(rows) and rows.frame.min() < first and rows.frame.max() == count:
        return dict(enumerate(frames.values(), start=1))
    return frames


def _by_frame(rows: TrackRows, frames: Mapping[int, FrameSample]) -> dict[str, TrackRows]:
    """Frame name -> its rows, for every frame."""
    order = np.argsort(rows.frame, kind="stable")
    numbers = np.array(list(frames))
    first, last = (np.searchsorted(rows.frame[order], numbers, side=side) for side in ("left", "right"))
    parts = zip(frames.values(), first, last, strict=True)
    return {frame.name: rows[order[begin:end]] for frame, begin, end in parts}


def _detections(rows: TrackRows) -> Detections:
    return Detections(torch.from_numpy(rows.boxes), torch.from_numpy(rows.scores))
