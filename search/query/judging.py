"""The verdict on an answer: by what labels measured, else by what the gallery taught itself."""

from search.gallery.filters import Filters, matching_cameras
from search.gallery.gallery import Gallery
from search.query.calibration_files import StoredCalibrations, gallery_calibrations
from search.query.feedback import without_verdict
from search.query.rank import EmbeddedProbe, rank_sightings
from search.query.ranking import Ranking
from search.query.results import RankedSightings


def judged_answer(
    gallery: Gallery,
    probe: EmbeddedProbe,
    filters: Filters | None,
    ranking: Ranking,
    calibrations: StoredCalibrations | None,
    *,
    pictures: int,
    probe_kind: str | None,
) -> RankedSightings:
    """Rank a gallery's sightings, and say how far the most similar one is to be trusted.

    Args:
        gallery: The gallery.
        probe: The person looked for; with embeddings of the second stage where it takes part.
        filters: Which sightings may answer; None is `Filters()`.
        ranking: How similarities are made.
        calibrations: What stands beside the models; None gives no verdict.
        pictures: How many pictures of the person made the probe.
        probe_kind: "box" for boxes in whole frames, "crop" for pictures of the person alone; None where the model sees
            both alike.

    Raises:
        ValueError: As `rank_sightings`.
    """
    ranking = ranking.with_share(gallery.description.second_weight)
    answer = rank_sightings(gallery, probe, filters, ranking)
    if calibrations is None:
        return answer
    if probe.others is not None:
        return without_verdict(answer)
    by = gallery.embedded_by if probe.second_embeddings is not None else gallery.embedded_by.first_stage
    cameras = filters.camera_names if filters is not None else None
    footage = gallery.footage(cameras and matching_cameras(gallery.path, cameras, gallery.cameras()))
    made = (by, ranking, footage)
    judged = calibrations.judged(answer, *made, probe_kind=probe_kind, pictures=pictures, combine=probe.combine)
    if not judged.no_verdict or calibrations.asked_for:
        return judged
    # What labels measured comes first; else what the gallery's own frames taught.
    own = gallery_calibrations(gallery.path)
    learned = own.judged(answer, *made, probe_kind=probe_kind, pictures=pictures, combine=probe.combine)
    return judged if learned.verdict is None else learned
