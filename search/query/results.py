"""What a search answers: frozen value types, and their table and JSON-able forms."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import overload

from search.query.verdict import Level, Verdict

EPOCH_BEGINS = 1.0e8
"""Timestamps from here on (March 1973) are seconds since the epoch; smaller ones count from the start of a recording,
which would have to run for three years to be mistaken."""

NO_CAMERA = "unknown"
"""How a sighting without a camera is shown; in the value types its camera is None."""


def is_clock_time(timestamp: float) -> bool:
    """Whether a timestamp is seconds since the epoch rather than since the start of a recording."""
    return timestamp >= EPOCH_BEGINS


def display_time(timestamp: float | None) -> str:
    """A timestamp for people: ISO 8601 UTC for a clock time, hh:mm:ss from the start of the recording otherwise.

    Args:
        timestamp: seconds, see `Frame.timestamp`; None gives "-". Fractions are cut, not rounded, so that a time is
            never shown later than it was.

    Returns:
        "2024-05-01T08:30:00Z", "01:02:03", or "-".
    """
    if timestamp is None or not math.isfinite(timestamp):
        return "-"
    if is_clock_time(timestamp):
        try:
            return datetime.fromtimestamp(math.floor(timestamp), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        except (OverflowError, OSError, ValueError):  # past the year 9999: microseconds taken for seconds, say
            return f"{timestamp:.0f} s"
    sign, seconds = ("-", -timestamp) if timestamp < 0 else ("", timestamp)
    whole = int(seconds)
    return f"{sign}{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def printable(text: str) -> str:
    """A name safe for a terminal and for one table row: control and bidirectional-override characters replaced."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


@dataclass(frozen=True)
class Cutout:
    """Where the cut-out picture of a sighting lies in a gallery's side store.

    Args:
        pack: name of the packed file.
        offset: first byte of the JPEG.
        length: its bytes; 0 where the box held no pixel.
    """

    pack: str
    offset: int
    length: int


@dataclass(frozen=True)
class Sighting:
    """One person seen in one frame.

    Args:
        frame: the frame's name.
        index: the detection's row in that frame, so that (source, frame, index) is unique in a gallery.
        source: the folder or stream the frame came from.
        camera: None where unknown.
        timestamp: as in `Frame`; None where unknown.
        box: xyxy pixels of the frame.
        detection_score: the detector's confidence in [0, 1].
        score: what it is ranked by: the similarity, or, re-ranked, a value in [0, 1].
        frame_width: pixels.
        frame_height: pixels.
        location: the image file, or "clip.mp4#t=000012.000" for the frame of a video at that second; None where the
            frame cannot be read again (a live stream).
        cutout: the stored picture of the box.
        similarity: with the probe, the cosine in [-1, 1], class-weighted times the detection score, also where
            re-ranking gave another score; None where nobody compared.
    """

    frame: str
    index: int
    source: str
    camera: str | None
    timestamp: float | None
    box: tuple[float, float, float, float]
    detection_score: float
    score: float
    frame_width: int
    frame_height: int
    location: str | None = None
    cutout: Cutout | None = None
    similarity: float | None = None

    @property
    def id(self) -> str:
        """The sighting's name within its source: frame name and row."""
        return f"{self.frame}#{self.index}"

    def to_dict(self) -> dict[str, object]:
        """JSON-able, keys stable: what a program reads."""
        return {
            "id": self.id,
            "score": self.score,
            "similarity": self.similarity,
            "camera": self.camera,
            "timestamp": self.timestamp,
            "time": None if self.timestamp is None else display_time(self.timestamp),
            "source": self.source,
            "frame": self.frame,
            "box": list(self.box),
            "detection_score": self.detection_score,
            "frame_width": self.frame_width,
            "frame_height": self.frame_height,
            "location": self.location,
        }


@dataclass(frozen=True)
class RankedSightings(Sequence[Sighting]):
    """The answer of a search, best first.

    Args:
        sightings: in falling score; equal scores in the order of source, frame and row.
        searched: how many sightings passed the filters and were compared.
        best_similarity: of all that were compared, whatever the limit and the least score; None without any.
        verdict: whether the person is there, by a calibration; None without one.
        no_verdict: one line why there is none; empty where nobody asked.
    """

    sightings: tuple[Sighting, ...]
    searched: int
    best_similarity: float | None = None
    verdict: Verdict | None = None
    no_verdict: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sightings", tuple(self.sightings))

    def __len__(self) -> int:
        return len(self.sightings)

    @overload
    def __getitem__(self, position: int) -> Sighting: ...
    @overload
    def __getitem__(self, position: slice) -> tuple[Sighting, ...]: ...
    def __getitem__(self, position: int | slice) -> Sighting | tuple[Sighting, ...]:
        return self.sightings[position]

    def __iter__(self) -> Iterator[Sighting]:
        return iter(self.sightings)

    def level_of(self, sighting: Sighting) -> Level | None:
        """The verdict on one sighting, by its similarity; None without a calibration."""
        if self.verdict is None or sighting.similarity is None:
            return None
        return self.verdict.level_of(sighting.similarity)

    @property
    def rescored(self) -> bool:
        """Whether scores are something else than similarities: re-ranking or company made them."""
        return any(one.similarity is not None and one.similarity != one.score for one in self.sightings)

    def to_table(self) -> str:
        """Aligned text for a terminal, one row a sighting: rank, camera, time, frame, box, score, and the verdict.

        Where re-ranking gave the scores, the similarities, which verdicts follow, stand beside them.
        """
        further = [("similarity", self._similarity)] if self.rescored else []
        if self.verdict is not None:
            further.append(("verdict", lambda sighting: self.level_of(sighting) or "-"))
        header = ("rank", "camera", "time", "frame", "box x1,y1,x2,y2", "score", *(name for name, _ in further))
        rows = [
            (
                str(rank),
                printable(sighting.camera) if sighting.camera is not None else NO_CAMERA,
                display_time(sighting.timestamp),
                printable(sighting.frame),
                ",".join(f"{value:.0f}" for value in sighting.box),
                f"{sighting.score:.3f}",
                *(value(sighting) for _, value in further),
            )
            for rank, sighting in enumerate(self.sightings, start=1)
        ]
        if not rows:
            return f"no sighting found ({self.searched} compared)"
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        right = [name in ("rank", "score", "similarity") for name in header]
        lines = [
            "  ".join(
                cell.rjust(width) if flush_right else cell.ljust(width)
                for cell, width, flush_right in zip(row, widths, right, strict=True)
            ).rstrip()
            for row in (header, *rows)
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """JSON-able: {"searched": n, "verdict": {...} | None, "sightings": [{"rank": 1, "verdict": ..., ...}, ...]}."""
        return {
            "searched": self.searched,
            "best_similarity": self.best_similarity,
            "verdict": None if self.verdict is None else self.verdict.to_dict(),
            "no_verdict": self.no_verdict or None,
            "sightings": [
                {"rank": rank, "verdict": self.level_of(sighting), **sighting.to_dict()}
                for rank, sighting in enumerate(self.sightings, 1)
            ],
        }

    @staticmethod
    def _similarity(sighting: Sighting) -> str:
        return "-" if sighting.similarity is None else f"{sighting.similarity:.3f}"
