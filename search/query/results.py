"""What a search answers: the ranked sightings, as a table for people and as JSON for programs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

from search.gallery.sightings import NO_CAMERA, ClockZones, Sighting, printable
from search.query.verdict import UNDECIDED, Level, Verdict


@dataclass(frozen=True)
class RankedSightings(Sequence[Sighting]):
    """The answer of a search, best first.

    Args:
        sightings: The sightings from the highest score to the lowest; equal scores stand in the order of source, frame
            and row.
        searched: How many sightings passed the filters and were compared.
        best_similarity: The highest similarity of all sightings that were compared, also of those that are not shown;
            None where nothing was compared.
        verdict: How far the most similar sighting is to be trusted, as a calibration judges it: match, possible or no
            confident match. None without a calibration.
        no_verdict: One line that says why there is no verdict; empty where there is one, or where nobody asked.
        contents: What the gallery holds, in one line, where no sighting passed the filters; empty otherwise.
        zones: In which time zones times are shown.
    """

    sightings: tuple[Sighting, ...]
    searched: int
    best_similarity: float | None = None
    verdict: Verdict | None = None
    no_verdict: str = ""
    contents: str = ""
    zones: ClockZones = field(default_factory=ClockZones)

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
        """Whether the scores are no similarities, because re-ranking or the company of the probe made them."""
        return any(one.similarity is not None and one.similarity != one.score for one in self.sightings)

    @property
    def ordered_by(self) -> str:
        """The word for the figure that orders the sightings: "similarity", or "score" where it is another one."""
        return "score" if self.rescored else "similarity"

    def to_table(self) -> str:
        """Aligned text for a terminal, one row a sighting: rank, camera, time, frame, box, similarity, and the verdict.

        Where the sightings are ordered by another score, that score comes first. The similarities stand beside it,
        because verdicts follow those.
        """
        further = [("similarity", self._similarity)] if self.rescored else []
        if self.verdict is not None:
            further.append(("verdict", self._word))
        header = ("rank", "camera", "time", "frame", "box x1,y1,x2,y2", self.ordered_by, *(name for name, _ in further))
        rows = [
            (
                str(rank),
                printable(sighting.camera) if sighting.camera is not None else NO_CAMERA,
                self.zones.display(sighting.timestamp, sighting.camera),
                printable(sighting.frame),
                ",".join(f"{value:.0f}" for value in sighting.box),
                f"{sighting.score:.3f}",
                *(value(sighting) for _, value in further),
            )
            for rank, sighting in enumerate(self.sightings, start=1)
        ]
        if not rows:
            if self.searched:
                return f"no sighting found ({self.searched} compared)"
            return f"no sighting found, nothing was compared: {self.contents or 'no sighting passes the filters'}"
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
                {"rank": rank, "verdict": self.level_of(sighting), **sighting.to_dict(self.zones)}
                for rank, sighting in enumerate(self.sightings, 1)
            ],
        }

    def _word(self, sighting: Sighting) -> str:
        """The verdict on a sighting where it says something: "match", "possible", or "-"."""
        level = self.level_of(sighting)
        return "-" if level is None or level == UNDECIDED else level

    @staticmethod
    def _similarity(sighting: Sighting) -> str:
        return "-" if sighting.similarity is None else f"{sighting.similarity:.3f}"
