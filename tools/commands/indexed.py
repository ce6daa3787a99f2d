"""What `personsearch index` shows while it works and when it is done, for one source and for many."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tools.outcome import Outcome, table
from tools.progress import Progress
from tools.commands.source_progress import SourceLine, SourceProgress

if TYPE_CHECKING:
    from search.gallery.description import GallerySummary
    from search.models.model_files import ModelFiles
    from search.source_runs import SourceRun
    from search.tracks.settings import TrackletAveraging


class IndexingProgress:
    """A bar for one source, and a line for each of several.

    Args:
        sources: How many sources there are.
    """

    def __init__(self, sources: int) -> None:
        self._one = Progress("Indexing") if sources == 1 else None
        self._many = SourceProgress() if sources > 1 else None

    def __call__(self, runs: "Sequence[SourceRun]") -> None:
        """Show how far the sources are."""
        lines = [line_of(run) for run in runs]
        if self._one is not None and runs[0].looked:
            self._one(lines[0].done, lines[0].total, sightings=lines[0].people)
        if self._many is not None:
            self._many(lines)

    def __enter__(self) -> Self:
        for one in (self._one, self._many):
            if one is not None:
                one.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for one in (self._one, self._many):
            if one is not None:
                one.__exit__(kind, error, traceback)


def line_of(run: "SourceRun") -> SourceLine:
    """How far a source is, for the progress display."""
    summary = run.summary()
    done = summary.frames + summary.skipped + len(summary.failures)
    state = run.state.doing
    if run.ended:
        state = "done" if run.error is None else f"broken: {run.error}"
    return SourceLine(
        run.planned.label, done, run.looked, run.total, summary.sightings, state, run.lag, run.missed, run.ended
    )


def outcome(
    gallery: Path,
    runs: "Sequence[SourceRun]",
    whole: "GallerySummary",
    models: "ModelFiles",
    steady: "TrackletAveraging | None",
    notes: Sequence[str],
) -> Outcome:
    """What was done, for people and for programs.

    Args:
        gallery: The gallery's folder.
        runs: How far each source came.
        whole: What the gallery holds now.
        models: Where the models are.
        steady: How embeddings were averaged over tracklets, None where they were not.
        notes: Lines about all sources together.
    """
    from search.source_runs import IndexSummary

    each = [run.summary() for run in runs]
    lines = list(dict.fromkeys(note for summary in each for note in summary.notes))
    total = IndexSummary(
        sum(one.frames for one in each),
        sum(one.sightings for one in each),
        sum(one.skipped for one in each),
        tuple(failure for one in each for failure in one.failures),
        sum(one.tracklets for one in each),
        tuple(lines),
    )
    broken = [run for run in runs if run.error is not None]
    rows: list[list[object]] = [
        ["frames searched", total.frames],
        ["people found", total.sightings],
        ["frames known before", total.skipped],
        ["frames that could not be read", len(total.failures)],
        ["sightings in the gallery", whole.sightings],
        ["cameras in the gallery", ", ".join(whole.cameras) or "unknown"],
    ]
    if steady is not None:
        rows.insert(2, ["tracklets they make", total.tracklets])
    if len(runs) > 1:
        rows.insert(0, ["sources read", f"{len(runs) - len(broken)} of {len(runs)}"])
    failures = [f"{name}: {reason}" for name, reason in total.failures]
    failures += [f"{run.planned.label} is left out: {run.error}" for run in broken]
    shown = [run.planned.label for run in runs]
    figures = {
        "source": shown[0] if len(shown) == 1 else shown,
        "gallery": gallery,
        "run": total,
        "sources": [_figures(run) for run in runs],
        "summary": dataclasses.asdict(whole),
        "models": models.to_dict(),
        "tracklets": steady,
    }
    text = [table(["index", str(gallery)], rows), *lines, *notes]
    if whole.sightings and not total.skipped:
        text.append(f"look for somebody: personsearch find {gallery} --crop PICTURE --html answer.html")
    return Outcome("\n".join(text), figures, failures)


def _figures(run: "SourceRun") -> dict[str, object]:
    """One source for programs."""
    summary = run.summary()
    return {
        "source": run.planned.label,
        "camera": run.planned.reading.camera,
        "state": "done" if run.error is None else "broken",
        "reason": None if run.error is None else str(run.error),
        "frames": summary.frames,
        "sightings": summary.sightings,
        "skipped": summary.skipped,
        "missed": run.missed,
        "failures": [list(one) for one in summary.failures],
    }
