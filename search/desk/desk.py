"""The desk of an investigator: one gallery, and all that can be asked of it. It knows nothing of the network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from datasets.moments import machine_zone
from datasets.storage.places import ObjectPath
from detection.settings import LEAST_CONFIDENCE
from search.cases.audit import LOG_FILE, AuditLog
from search.cases.folder import CaseFolder
from search.desk.clips import Clips
from search.desk.examples import ExampleReader
from search.desk.exports import Exports
from search.desk.hints import hints_of_picture
from search.desk.jobs import Jobs
from search.desk.loaded_models import LoadedModels
from search.desk.opened_gallery import OpenedGallery
from search.desk.pictures import Pictures
from search.desk.probes import ProbeStore, StoredProbe, UploadLimits, decoded
from search.desk.refusals import Unusable, said_plainly
from search.desk.searches import Searches
from search.gallery.description import GalleryDescription, read_description
from search.gallery.sightings import NO_CAMERA, ClockZones, is_clock_time
from search.models.model_files import ModelFiles
from search.pipeline import PersonSearch
from search.query.asked_times import AskedTimes, Typed, cameras_asked_for, read_times
from search.query.calibration_files import gallery_calibrations, named_calibrations, stored_calibrations
from search.query.ranking import Ranking


@dataclass(frozen=True)
class DeskSettings:
    """What a desk is told.

    Args:
        gallery: The gallery's folder.
        files: Where the models are; where nothing is named the gallery's own note is followed.
        calibration: The file that verdicts follow from; None takes those beside the models and in the gallery.
        uploads: What is taken of uploaded pictures.
        cases: The folder of the cases and of the record of who did what; None takes the folder `cases` in the gallery,
            which must be on this machine then, because the record is a file that grows.

    Raises:
        ValueError: The gallery is on object storage, and no folder is named for the cases.
    """

    gallery: Path
    files: ModelFiles = ModelFiles()  # noqa: RUF009 - frozen
    calibration: Path | None = None
    uploads: UploadLimits = UploadLimits()  # noqa: RUF009 - frozen
    cases: Path | None = None

    def __post_init__(self) -> None:
        if isinstance(self.gallery, ObjectPath) and self.cases is None:
            raise ValueError(
                f"gallery {self.gallery} is on object storage, expected --cases with a folder of this machine: cases "
                "and the log of who did what are kept there"
            )

    @property
    def case_folder(self) -> Path:
        """The folder of the cases."""
        return self.gallery / "cases" if self.cases is None else self.cases


class Desk:
    """One gallery and what is done with it; safe to be used by several threads.

    Args:
        settings: Which gallery, which models.
        search: The models where they are loaded already; None loads those of the gallery when they are first needed.

    Raises:
        FileNotFoundError: No gallery is there.
        OSError, ValueError: The gallery is damaged, or not readable by this version.
    """

    def __init__(self, settings: DeskSettings, search: PersonSearch | None = None) -> None:
        self.settings = settings
        self.jobs = Jobs()
        self.gallery = OpenedGallery(settings.gallery)
        self.pictures = Pictures(self.gallery)
        self.probes = ProbeStore(settings.uploads)
        self.models = LoadedModels(_loader(settings) if search is None else lambda: search, self.jobs)
        reader = ExampleReader(self.gallery, self.pictures, self.probes)
        self.clips = Clips(settings.gallery, self.jobs)
        self.cases = CaseFolder(settings.case_folder)
        self.record = AuditLog(settings.case_folder / LOG_FILE)
        self.exports = Exports(settings.gallery, self.cases, self.record, self.jobs)
        self.searches = Searches(self.gallery, self.models, reader, self.jobs)

    def upload(self, content: bytes) -> StoredProbe:
        """Take a picture, and find the people in it.

        Args:
            content: The bytes of the picture's file.

        Raises:
            TooMany: Too many pictures came within a minute.
            NoPicture: It is none.
            TooLarge: It has too many bytes or pixels.
            NotReady: The models cannot be loaded.
        """
        self.probes.admit()
        image = decoded(content, self.settings.uploads)
        with self.jobs.running("upload", "People are being looked for in a picture."), self.models.used() as search:
            (found,) = search.detect([image])
        found = found[found.scores >= LEAST_CONFIDENCE]
        found = found[found.scores.argsort(descending=True)]
        return self.probes.put(image, found, tuple(hints_of_picture(found)))

    def close(self) -> None:
        """Remove what lies in private folders; the desk is not used afterwards."""
        self.clips.close()
        self.exports.close()

    def embedded_by(self) -> dict[str, Any]:
        """What made the gallery's vectors, as JSON knows it."""
        return read_description(self.settings.gallery).embedded_by.to_dict()

    def times(
        self, after: Typed, before: Typed, *, chosen: str | None = None, cameras: Sequence[str] | None = None
    ) -> AskedTimes:
        """Read the times that a reader asks by, as `personsearch find` does it.

        Args:
            after: The first moment.
            before: The end.
            chosen: The zone that the reader names; None takes that of the cameras.
            cameras: The cameras that are asked for; None asks for all, and `NO_CAMERA` alone for unknown ones.

        Raises:
            Unusable: There is no zone or no camera of such a name, a time without a zone may mean several moments, or
                no time lies between both.
        """
        filmed_by = [one.camera for one in self.gallery.catalog().cameras]
        with said_plainly(self.gallery.path, self.gallery.name):
            zones = ClockZones.known(self.gallery.description.cameras, chosen)
            unknown = cameras is not None and list(cameras) == [NO_CAMERA] and NO_CAMERA not in filmed_by
            asked_for = (None,) if unknown else cameras_asked_for(self.gallery.path, cameras, filmed_by)
        try:
            return read_times(after, before, zones, asked_for)
        except ValueError as error:
            raise Unusable("filters_cannot_be_met", why=str(error)) from error

    def facts(self, last: float | None) -> dict[str, Any]:
        """What the gallery is beside its counts.

        Args:
            last: The latest time of its frames in seconds, None where no frame has one.

        Returns:
            `clock` tells whether times are dates, `time_zone` the zone of the machine's clock, `second_stage` whether
            there is one, and `calibration` whether something was learned or measured that verdicts follow from.
        """
        described = read_description(self.settings.gallery)
        available = self._calibrated(described)
        why = "" if available else "Nothing was measured for these models, so that searches give no verdict."
        return {
            "clock": last is not None and is_clock_time(last),
            "time_zone": machine_zone(),
            "second_stage": described.second_dim is not None,
            "calibration": {"available": available, "why": why},
        }

    def _calibrated(self, described: GalleryDescription) -> bool:
        """Whether the gallery's own similarity is calibrated; whether that fits its cameras, a search says."""
        ranking = Ranking().with_share(described.second_weight)
        owner = described.files.owner
        named = self.settings.calibration
        stored = [gallery_calibrations(self.settings.gallery)]
        stored += [named_calibrations(named)] if named is not None else []
        stored += [stored_calibrations(owner)] if owner is not None else []
        return any(one.of(described.embedded_by, ranking) is not None for one in stored)


def _loader(settings: DeskSettings) -> Callable[[], PersonSearch]:
    """What loads the models of a gallery, so that they find people in pictures too."""
    return partial(
        PersonSearch.from_gallery, settings.gallery, settings.files, finds_people=True, calibration=settings.calibration
    )
