"""The files that `personsearch find` writes beside what it prints."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from search.gallery.gallery import Gallery
    from search.pages.page import Picture
    from search.query.results import RankedSightings


@dataclass(frozen=True)
class AnswerFiles:
    """What else the answer is written to.

    Args:
        html: Also write a page with pictures to this file.
        montage: Also write the sightings as one picture to this file, a PNG or JPEG: the pictures of the people with
            rank, similarity, camera and time.
        video: Also write a film to this MP4 file that follows the people shown through the recordings, in the order of
            time, with their boxes, ranks and the time drawn. Fewer sightings (--limit, --minimum-similarity) make a
            shorter film.
        csv: Also write the sightings to this file as a table for a spreadsheet.
    """

    html: Path | None = None
    montage: Path | None = None
    video: Path | None = None
    csv: Path | None = None

    def require_files(self) -> None:
        """Refuse a folder in place of a file, and names that do not say a format that is written."""
        for option, path in vars(self).items():
            if path is not None and path.is_dir():
                raise ValueError(f"--{option} {path} is a folder, expected a file; give a file name in it")
        for option, endings in (("montage", (".png", ".jpg", ".jpeg")), ("video", (".mp4",))):
            path = getattr(self, option)
            if path is not None and path.suffix.lower() not in endings:
                raise ValueError(f"--{option} {path}, expected a name that ends in {' or '.join(endings)}; rename it")

    def write(
        self,
        answer: "RankedSightings",
        store: "Gallery",
        pictures: "Sequence[NDArray[np.uint8]]",
        origin: "Picture | None",
        note: str,
    ) -> tuple[list[str], list[str]]:
        """Write what was asked for.

        Args:
            answer: The answer of the search.
            store: The gallery that was searched.
            pictures: The person looked for, one picture or several.
            origin: The frame that the picture of the person is from.
            note: The filters and the way of ranking, in words.

        Returns:
            A line for each file that was written, and a line for each recording that the film lacks.
        """
        from datasets.files import write_whole
        from search.cases.rows import answer_csv

        lines: list[str] = []
        failures: list[str] = []
        if self.html is not None:
            from search.pages.find_page import find_page

            write_whole(self.html, find_page(answer, store, pictures, note=note, probe_frame=origin))
            lines.append(f"page: {self.html}")
        if self.montage is not None:
            write_whole(self.montage, _montage(self.montage, answer, store, pictures, note))
            lines.append(f"montage: {self.montage}")
        if self.csv is not None:
            write_whole(self.csv, answer_csv(answer))
            lines.append(f"table: {self.csv}")
        if self.video is not None:
            said, failures = _video(self.video, answer, store)
            lines += said
        return lines, failures


def _montage(
    path: Path, answer: "RankedSightings", store: "Gallery", pictures: "Sequence[NDArray[np.uint8]]", note: str
) -> bytes:
    """The montage as a file of the format that its name says."""
    from datasets.images import encode_jpeg
    from search.pages.montage import as_png, montage

    image = montage(answer, store, pictures, note=note)
    return as_png(image) if path.suffix.lower() == ".png" else encode_jpeg(image, quality=90)


def _video(path: Path, answer: "RankedSightings", store: "Gallery") -> tuple[list[str], list[str]]:
    """Write the film; a line about it, and one for each recording that it lacks."""
    from search.cases.following import scenes_of, write_film
    from search.cases.footage import NoFootage
    from search.cases.values import CaseSighting

    if not answer:
        return [], [f"--video {path}: no sighting was found, so there is no film"]
    found = [CaseSighting(one, rank, answer.level_of(one)) for rank, one in enumerate(answer, start=1)]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with Progress("Filming", "second") as progress:
            film, missing = write_film(path, store, scenes_of(store, found), zones=answer.zones, on_progress=progress)
    except NoFootage as error:
        return [], [f"--video {path}: there is no film, because {error}"]
    return [f"film: {path} ({film.seconds:.0f} s)"], [f"not in the film: {line}" for line in missing]
