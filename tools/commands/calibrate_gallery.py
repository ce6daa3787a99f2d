"""personsearch calibrate --from-gallery: the similarities that are a match, learned from a gallery without labels."""

from pathlib import Path
from typing import TYPE_CHECKING

from search.query.rates import VerdictRates
from search.tracks.settings import TrackerSettings
from tools.outcome import Outcome, table
from tools.progress import Progress
from tools.search_options import Similarity

if TYPE_CHECKING:
    from search.query.verdict import Calibration


def calibrate_from_gallery(
    folder: Path, rates: VerdictRates, similarity: Similarity, tracker: TrackerSettings, *, seed: int
) -> Outcome:
    """Calibrate a gallery on itself, and store the result in it.

    Args:
        folder: The gallery's folder.
        rates: How often people who are not there may reach each verdict.
        similarity: How similarities are made.
        tracker: How sightings are linked into tracklets.
        seed: The seed of what is drawn, 0 or more.

    Returns:
        Tables of the thresholds with their intervals, and the same for programs.
    """
    from search.evaluation.gallery_calibration import calibrate_gallery
    from search.gallery.gallery import Gallery
    from search.query.calibration_files import store_gallery_calibrations

    with Gallery.open(folder) as gallery, Progress("Learning from the gallery"):
        made = calibrate_gallery(gallery, rates, similarity.ranking(), tracker, seed=seed)
    file = store_gallery_calibrations(folder, [one.calibration for one in made])
    text = "\n\n".join(_text(one.label, one.calibration) for one in made) + f"\n\nstored: {file}"
    figures = {"file": file, "calibrations": [{"label": one.label, **vars(one.calibration)} for one in made]}
    return Outcome(text, figures)


def _text(label: str, calibration: "Calibration") -> str:
    """Thresholds by gallery size with their intervals."""
    from search.query.verdict import percent

    whom = "pairs of two people" if calibration.rate_of == "pairs" else "absent people"
    assert calibration.interval is not None  # whatever is learned has one
    low, high = calibration.interval
    rows: list[list[object]] = []
    for row, size in enumerate(calibration.thresholds.sizes):
        spans = [f"{a[row]:.3f} to {b[row]:.3f}" for a, b in ((low.match, high.match), (low.possible, high.possible))]
        match, possible = calibration.thresholds.match[row], calibration.thresholds.possible[row]
        rows.append([size, match, spans[0], possible, spans[1]])
    header = ["sightings", "match from", "nine times in ten", "possible from", "nine times in ten"]
    return (
        f"{label}: learned without labels from {calibration.data.pairs:,} pairs of people side by side in one frame; "
        f"{percent(calibration.match_rate)} of {whom} are called a match, {percent(calibration.possible_rate)} "
        f"possible or more\n{table(header, rows)}"
    )
