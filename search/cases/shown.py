"""A case in the words of its page."""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from search.cases.audit import AuditReport
from search.cases.clip import time_words
from search.cases.present import PeoplePictures
from search.cases.sources import SourceFile
from search.cases.values import Case, CaseSearch, CaseSighting, MarkedSighting
from search.gallery.filters import Filters
from search.gallery.gallery import Gallery
from search.gallery.sightings import NO_CAMERA, ClockZones
from search.pages.case_page import ShownCase, ShownClip, ShownNote, ShownSearch, ShownSighting, case_page
from search.pages.page import Headline, Status, Table
from search.query.verdict import UNDECIDED

SHOWN_OF_A_SEARCH = 12
STATUS: Mapping[str | None, Status] = {"confirmed": "right", "rejected": "wrong", None: "plain"}


@dataclass(frozen=True)
class MadeClip:
    """A film in an export: its name there, its seconds, and the sightings that it shows."""

    file: str
    seconds: float
    seen: tuple[CaseSighting, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, the sightings by their keys."""
        return {"file": self.file, "seconds": self.seconds, "sightings": [one.key for one in self.seen]}


@dataclass(frozen=True)
class MadeExport:
    """What an export is made of besides the case itself.

    Args:
        at: When it was made, ISO 8601 in UTC.
        by: Who made it; empty where nobody is known.
        sources: The files that the sightings come from.
        clips: The films.
        frames: The key of a sighting -> the name of its whole frame in the ZIP.
        missing: One line for each thing that could not be exported.
        audit_entries: How many entries of the audit log are about the case.
        log: What a check of the whole log found; None without a log.
    """

    at: str
    by: str
    sources: tuple[SourceFile, ...]
    clips: tuple[MadeClip, ...]
    frames: Mapping[str, str]
    missing: tuple[str, ...]
    audit_entries: int
    log: AuditReport | None


def page_of(
    case: Case, gallery: Gallery, made: MadeExport, *, people: PeoplePictures, pictures: Mapping[str, bytes]
) -> str:
    """The page of an export, as HTML.

    Args:
        case: The case.
        gallery: The gallery that was searched.
        made: What the export is made of.
        people: The pictures of the people.
        pictures: JPEG files: the pictures of the person and whole frames by their names, pictures of films by theirs.
    """
    confirmed = sorted(case.confirmed, key=lambda one: _seconds(one.seen))
    zones = ClockZones.known(gallery.description.cameras)
    shown = ShownCase(
        title=case.name,
        zones=zones,
        introduction=f"A case begun {_moment(case.created, case.by)}, exported {_moment(made.at, made.by)}.",
        headlines=_headlines(case, zones),
        notes=[ShownNote(note.text, _moment(note.at, note.by)) for note in case.notes],
        confirmed=[_marked(one, zones, people, made, pictures) for one in confirmed],
        rejected=[_marked(one, zones, people, made, {}) for one in case.rejected],
        clips=[_clip(one, pictures.get(one.file), zones) for one in made.clips],
        searches=[
            _search(place, one, case, zones, people, pictures) for place, one in enumerate(case.searches, start=1)
        ],
        checking=_checking(made),
        command="personsearch case verify EXPORT.zip",
        missing=made.missing,
        tables=_tables(case, gallery, made),
    )
    return case_page(shown, made=f"{made.at[:10]} {made.at[11:16]} UTC")


def _headlines(case: Case, zones: ClockZones) -> list[Headline]:
    confirmed = [one.seen.sighting for one in case.confirmed]
    cameras = sorted({NO_CAMERA if one.camera is None else one.camera for one in confirmed})
    times = sorted(((one.timestamp, one.camera) for one in confirmed if one.timestamp is not None), key=itemgetter(0))
    found = [
        Headline(f"{len(confirmed):,}", f"confirmed sighting{'' if len(confirmed) == 1 else 's'}",
                 f"{len(case.rejected):,} rejected"),
        Headline(f"{len(cameras):,}", f"camera{'' if len(cameras) == 1 else 's'}", ", ".join(cameras[:6])),
    ]  # fmt: skip
    if times:
        first, last = zones.display(*times[0]), zones.display(*times[-1])
        clock = first[11:19] if "T" in first else first
        found.append(Headline(clock, "first seen", f"{first}, last seen {last}"))
    found.append(
        Headline(f"{len(case.searches):,}", f"search{'' if len(case.searches) == 1 else 'es'}", _compared(case))
    )
    return found


def _compared(case: Case) -> str:
    most = max((search.searched for search in case.searches), default=0)
    return f"up to {most:,} sightings compared" if most else ""


def _marked(
    one: MarkedSighting, zones: ClockZones, people: PeoplePictures, made: MadeExport, pictures: Mapping[str, bytes]
) -> ShownSighting:
    file = made.frames.get(one.seen.key, "")
    by = f"{one.mark} by {one.by}" if one.by else one.mark
    shown = _sighting(one.seen, zones, people, by, one.mark)
    more = f"{one.mark} {_moment(one.at, one.by)}"
    return dataclasses.replace(shown, file=file, frame=pictures.get(file), more=more)


def _sighting(
    seen: CaseSighting, zones: ClockZones, people: PeoplePictures, said: str, mark: str | None
) -> ShownSighting:
    one = seen.sighting
    return ShownSighting(
        sighting=one,
        camera=_camera(one.camera),
        time=time_words(one, zones=zones) or "no time",
        said=said,
        jpeg=people.of(one),
        level="" if seen.level in (None, UNDECIDED) else str(seen.level),
        status=STATUS[mark],
    )


def _clip(clip: MadeClip, poster: bytes | None, zones: ClockZones) -> ShownClip:
    first = min(clip.seen, key=_seconds).sighting
    camera = _camera(first.camera)
    count = f"{len(clip.seen)} confirmed sighting{'' if len(clip.seen) == 1 else 's'}"
    words = (camera, time_words(first, zones=zones), f"{clip.seconds:.0f} s", count)
    return ShownClip(clip.file, " · ".join(filter(None, words)), poster)


def _search(
    place: int, search: CaseSearch, case: Case, zones: ClockZones, people: PeoplePictures, probes: Mapping[str, bytes]
) -> ShownSearch:
    shown = []
    for seen in search.sightings[:SHOWN_OF_A_SEARCH]:
        one = seen.sighting
        figure = one.score if one.similarity is None else one.similarity
        said = f"{seen.rank} · {figure:.3f} · {_camera(one.camera)}"
        shown.append(_sighting(seen, zones, people, said, case.mark_of(seen.key)))
    rest = len(search.sightings) - len(shown)
    verdict = search.verdict or {"text": f"No verdict: {search.no_verdict or 'none was asked for'}."}
    return ShownSearch(
        title=f"Search {place}, {_moment(search.at, search.by)}",
        words=_asked(search, zones),
        level=search.level or "",
        verdict=_without_level(str(verdict.get("text", "")), search.level),
        rates=str(verdict.get("rates", "")),
        probes=[probes[name] for name in search.probes if name in probes],
        shown=shown,
        more=f"{rest} more are in sightings.csv." if rest > 0 else "",
    )


def _without_level(text: str, level: str | None) -> str:
    """The words of a verdict without the level at their begin, which the page shows apart."""
    rest = text.removeprefix(f"{level}: ")
    return rest[:1].upper() + rest[1:]


def _asked(search: CaseSearch, zones: ClockZones) -> str:
    """What a search asked for, in words; its times on the clock of the cameras that it asked for, or else found."""
    try:
        asked = Filters.from_dict(search.filters)
        filters = asked.words(zones.zone(*(asked.camera_names or {one.sighting.camera for one in search.sightings})))
    except (ValueError, TypeError):  # of another version
        filters = [json.dumps(search.filters)]
    examples = f"{len(search.examples)} picture{'' if len(search.examples) == 1 else 's'} of the person"
    others = f", {len(search.others)} of others" if search.others else ""
    return f"{examples}{others}; {', '.join(filters)}; {search.searched:,} sightings compared."


def _checking(made: MadeExport) -> str:
    text = (
        "manifest.json holds the SHA-256 of every file in this export, case.json everything that is shown here for "
        "programs, and the CSV files open in any spreadsheet. The command below reads the whole ZIP file and names "
        "every file that was changed, removed or added since."
    )
    if made.log is not None and made.log.head is not None:
        text += f" The audit log had {made.log.entries:,} entries then, the last one with the hash {made.log.head}."
    return text


def _tables(case: Case, gallery: Gallery, made: MadeExport) -> list[Table]:
    by = gallery.embedded_by
    models = [["finds people and tells them apart", by.model]]
    models += [["second stage", by.second_stage]] if by.second_stage else []
    models += [["file", str(path)] for path in gallery.description.files.to_dict().values()]
    sources = [
        [one.file, one.state, f"{one.sightings:,}", "-" if one.bytes is None else f"{one.bytes:,}", one.sha256 or "-"]
        for one in made.sources
    ]
    parameters = [[f"search {place}", _ranking_words(search)] for place, search in enumerate(case.searches, start=1)]
    tables = [
        Table("Sources", ["file", "state", "sightings", "bytes", "SHA-256"], sources,
              note="The hash is of the file as it was at the time of the export."),
        Table("Models, by the fingerprints of their weights", ["", ""], models),
    ]  # fmt: skip
    if parameters:
        tables.append(Table("Thresholds and parameters", ["", ""], parameters))
    if made.log is not None:
        whole = "whole" if made.log.is_whole else f"not whole: {made.log.problems[0]}"
        rows = [["entries about this case", f"{made.audit_entries:,}"], ["the whole log", whole]]
        tables.append(Table("Audit log", ["", ""], rows))
    return tables


def _ranking_words(search: CaseSearch) -> str:
    verdict = search.verdict or {}
    asked = {name: value for name, value in search.ranking.items() if value not in (None, False)}
    words = [f"{name.replace('_', ' ')} {value}" for name, value in asked.items()]
    for name, label in (("match_from", "match from"), ("possible_from", "possible from")):
        if isinstance(verdict.get(name), float):
            words.append(f"{label} {verdict[name]:.3f}")
    return ", ".join(words)


def _moment(at: str, by: str) -> str:
    """When and by whom, in words."""
    when = f"{at[:10]} {at[11:16]} UTC" if len(at) >= 16 else at
    return f"{when} by {by}" if by else when


def _seconds(seen: CaseSighting) -> float:
    """The time of a sighting for sorting; those without one come last."""
    return math.inf if seen.sighting.timestamp is None else seen.sighting.timestamp


def _camera(camera: str | None) -> str:
    """A camera in words; of one that is called by a number the word says what the number is."""
    if camera is None:
        return "unknown camera"
    return f"camera {camera}" if camera.isdigit() else camera
