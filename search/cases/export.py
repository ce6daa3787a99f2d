"""The export of a case: one ZIP with a page that opens by itself, tables, pictures, clips, and a hash of everything."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from datasets.images import encode_jpeg
from search.cases.archive import CASE_FORMAT, Archive, archive, sha256_of
from search.cases.audit import EXPORTED, LOG_FILE, AuditLog, AuditReport, verify
from search.cases.film import picture_of
from search.cases.folder import CaseFolder
from search.cases.following import scenes_of, write_film
from search.cases.footage import Image, NoFootage
from search.cases.present import PeoplePictures
from search.cases.rows import SIGHTING_COLUMNS, csv_text, sighting_row
from search.cases.shown import MadeClip, MadeExport, page_of
from search.cases.sources import SourceFile, source_files
from search.cases.values import Case, CaseSighting, now
from search.gallery.gallery import Gallery
from search.gallery.originals import read_original
from search.gallery.sightings import ClockZones, frame_key
from search.pages.page import CONTEXT_QUALITY, CONTEXT_SIDE

FRAMES_OF_A_SEARCH = 10
"""Of so many of a search's first sightings the whole frame is exported; of marked sightings always."""

FRAME_QUALITY = 92
SEARCH_COLUMNS = (
    "search", "at", "by", "examples", "others", "filters", "compared", "shown", "verdict", "similarity", "match_from",
    "possible_from", "why_no_verdict",
)  # fmt: skip
MARK_COLUMNS = ("mark", "by", "at", *SIGHTING_COLUMNS)
SOURCE_COLUMNS = ("file", "state", "sightings", "bytes", "sha256")


@dataclass(frozen=True)
class Export:
    """What was exported.

    Args:
        path: The ZIP.
        sha256: Its hash. Kept elsewhere, it proves later that the ZIP is the same.
        files: How many files are in it.
        missing: One line for each thing that could not be exported.
    """

    path: Path
    sha256: str
    files: int
    missing: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON knows them."""
        return {"zip": str(self.path), "sha256": self.sha256, "files": self.files, "missing": list(self.missing)}


def export_case(
    cases: CaseFolder,
    case: str,
    gallery: Gallery,
    path: Path,
    *,
    by: str = "",
    audit: AuditLog | None = None,
    clips: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
) -> Export:
    """Write a case into one ZIP file, whole or not at all.

    Args:
        cases: The folder of the case.
        case: The case's name.
        gallery: The gallery that was searched.
        path: The ZIP. Its folder must exist.
        by: Who exports it.
        audit: The log of who did what. Its entries about the case go into the ZIP, and it gets an entry with the ZIP's
            hash.
        clips: Whether films of the confirmed sightings are made, which takes longest.
        on_progress: Called with how many steps are done, and how many there are.

    Raises:
        NoCase: There is no such case.
        OSError: The file cannot be written.
        ValueError: A file of the case or the log is damaged, or the export would be too large.
    """
    work = _Work(cases, cases.open(case), gallery, on_progress)
    log = None if audit is None or not audit.path.exists() else verify(audit.path)
    with archive(path, {"case": case, "exported": work.at, "by": by}) as target:
        films = work.add_films(target) if clips else ()
        frames = work.add_pictures(target)
        sources = work.add_sources(target)
        lines = _audit_lines(audit, case)
        target.add(LOG_FILE, b"".join(lines))
        _add_tables(target, work.case, work.zones)
        made = MadeExport(work.at, by, sources, films, frames, tuple(work.missing), len(lines), log)
        target.add("case.json", json.dumps(_everything(work, made, log), indent=1, sort_keys=True) + "\n")
        pictures = work.probes() | work.small_frames
        target.add("index.html", page_of(work.case, gallery, made, people=work.people, pictures=pictures))
    digest = sha256_of(path)
    if audit is not None:
        try:
            audit.append(EXPORTED, by, {"case": case, "file": path.name, "sha256": digest})
        except (OSError, ValueError):
            path.unlink(missing_ok=True)  # a check with the log would call it a forgery
            raise
    return Export(path, digest, len(target.files), made.missing)


class _Work:
    """An export that is being made.

    Args:
        cases: The folder of the case.
        case: The case.
        gallery: The gallery that was searched.
        on_progress: Called with how many steps are done, and how many there are.
    """

    def __init__(
        self, cases: CaseFolder, case: Case, gallery: Gallery, on_progress: Callable[[int, int], None] | None
    ) -> None:
        self.case, self.gallery, self.at = case, gallery, now()
        self.zones = ClockZones.known(gallery.description.cameras)
        self.missing: list[str] = []
        self.small_frames: dict[str, bytes] = {}
        self._cases, self._on_progress = cases, on_progress
        self._kept = {seen.key: seen for seen in _all_sightings(case)}
        self.people = PeoplePictures(gallery, [seen.sighting for seen in self._kept.values()])
        self._scenes = scenes_of(gallery, [one.seen for one in case.confirmed])
        self._done, self._total = 0, 3 * len(self._scenes) + 2 * len(self._kept)

    def add_films(self, target: Archive) -> tuple[MadeClip, ...]:
        """Add a film of each scene with confirmed sightings, where its footage is there."""
        films = []
        with TemporaryDirectory() as folder:
            for place, scene in enumerate(self._scenes, start=1):
                file = Path(folder) / "clip.mp4"
                try:
                    clip, _ = write_film(file, self.gallery, [scene])
                except NoFootage as error:
                    self.missing.append(f"no clip: {error}")
                else:
                    name = f"clips/{place:02}.mp4"
                    target.add(name, file.read_bytes())
                    self.small_frames[name] = encode_jpeg(picture_of(file, -scene.start), longest_side=854)
                    films.append(MadeClip(name, clip.seconds, scene.sightings))
                self._step(3)
        return tuple(films)

    def add_pictures(self, target: Archive) -> dict[str, str]:
        """Add the pictures of the person and of the people found, and whole frames.

        Returns:
            The key of a sighting -> the name of its whole frame in the ZIP.
        """
        probes = self.probes()
        for name, picture in probes.items():
            target.add(f"probes/{name}", picture)
        if lost := sorted({name for search in self.case.searches for name in search.probes} - set(probes)):
            self.missing.append(f"no picture that a search went by: the case does not have {', '.join(lost)} any more")
        self.missing += self.people.missing()
        frames: dict[str, str] = {}
        wanted = {seen.key for seen in _with_frames(self.case)}
        for key, seen in self._kept.items():
            cutout = self.people.of(seen.sighting)
            if cutout:
                target.add(f"people/{key}.jpg", cutout)
            if key in wanted:
                self._add_frame(target, seen, cutout, frames)
            self._step(1)
        return frames

    def add_sources(self, target: Archive) -> tuple[SourceFile, ...]:
        """Add the table of the files that the sightings come from, with their hashes."""
        sightings = [seen.sighting for seen in self._kept.values()]
        sources = source_files(self.gallery, sightings)
        self._step(len(sightings))
        self.missing += [f"no hash: {one.file} is not there any more" for one in sources if one.state == "not there"]
        target.add("sources.csv", csv_text(SOURCE_COLUMNS, (one.to_dict() for one in sources)))
        return sources

    def probes(self) -> dict[str, bytes]:
        """The pictures of the person that are still there, by their names."""
        names = {name for search in self.case.searches for name in search.probes}
        pictures = {name: self._cases.probe(self.case.case, name) for name in sorted(names)}
        return {name: picture for name, picture in pictures.items() if picture is not None}

    def _add_frame(self, target: Archive, seen: CaseSighting, cutout: bytes | None, frames: dict[str, str]) -> None:
        sighting = seen.sighting
        name = f"frames/{frame_key(sighting.source, sighting.frame)}.jpg"
        if name not in target.files:
            image: Image | None = read_original(sighting, cutout)
            if image is None:
                self.missing.append(f"no whole frame: {sighting.frame} cannot be read again as it was indexed")
                return
            target.add(name, encode_jpeg(image, quality=FRAME_QUALITY))
            self.small_frames[name] = encode_jpeg(image, longest_side=CONTEXT_SIDE, quality=CONTEXT_QUALITY)
        frames[seen.key] = name

    def _step(self, steps: int) -> None:
        self._done += steps
        if self._on_progress is not None:
            self._on_progress(self._done, max(self._done, self._total))


def _all_sightings(case: Case) -> Iterable[CaseSighting]:
    """Every sighting in a case; a search's come first, for they know their rank."""
    yield from (seen for search in reversed(case.searches) for seen in search.sightings)
    yield from (one.seen for one in case.marks)


def _with_frames(case: Case) -> Iterable[CaseSighting]:
    """The sightings whose whole frame is exported."""
    yield from (one.seen for one in case.marks)
    yield from (seen for search in case.searches for seen in search.sightings[:FRAMES_OF_A_SEARCH])


def _audit_lines(audit: AuditLog | None, case: str) -> list[bytes]:
    """The lines of the audit log about a case."""
    entries = () if audit is None else audit.entries()
    return [entry.to_line() for entry in entries if entry.what.get("case") == case]


def _add_tables(target: Archive, case: Case, zones: ClockZones) -> None:
    """Add the searches, the ranked sightings and the marks as CSV."""
    searches, ranked = [], []
    for place, search in enumerate(case.searches, start=1):
        verdict = search.verdict or {}
        searches.append(
            {
                "search": place,
                **{name: getattr(search, name) for name in ("at", "by")},
                **{name: json.dumps(getattr(search, name)) for name in ("examples", "others", "filters")},
                "compared": search.searched,
                "shown": len(search.sightings),
                "verdict": search.level,
                "why_no_verdict": search.no_verdict,
                **{name: verdict.get(name) for name in ("similarity", "match_from", "possible_from")},
            }
        )
        for seen in search.sightings:
            ranked.append({"search": place, "mark": case.mark_of(seen.key), **sighting_row(seen, zones)})
    marks = [{"mark": one.mark, "by": one.by, "at": one.at, **sighting_row(one.seen, zones)} for one in case.marks]
    target.add("searches.csv", csv_text(SEARCH_COLUMNS, searches))
    target.add("sightings.csv", csv_text(("search", "mark", *SIGHTING_COLUMNS), ranked))
    target.add("marks.csv", csv_text(MARK_COLUMNS, marks))


def _everything(work: _Work, made: MadeExport, log: AuditReport | None) -> dict[str, Any]:
    """What case.json holds: the case, and what made it."""
    gallery = work.gallery
    summary = gallery.summary()
    counts = {name: getattr(summary, name) for name in ("sightings", "frames", "first", "last")}
    return {
        "format": CASE_FORMAT,
        "program": f"personsearch {_version()}",
        "exported": {"at": made.at, "by": made.by},
        "case": work.case.to_dict(work.zones),
        "gallery": {
            "name": gallery.path.resolve().name,
            **counts,
            "cameras": list(summary.cameras),
            "embedded_by": gallery.embedded_by.to_dict(),
            "models": gallery.description.files.to_dict(),
        },
        "sources": [one.to_dict() for one in made.sources],
        "clips": [one.to_dict() for one in made.clips],
        "frames": made.frames,
        "missing": list(made.missing),
        "audit": {"entries": made.audit_entries, "log": None if log is None else log.to_dict()},
    }


def _version() -> str:
    try:
        return version("personsearch")
    except PackageNotFoundError:
        return "unknown version"
