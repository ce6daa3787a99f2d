"""The page of an exported case: what was confirmed, clips, searches, and how all of it can be checked."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from search.gallery.sightings import ClockZones, Sighting
from search.pages import drawing
from search.pages.page import (
    Headline,
    MarkedBox,
    Status,
    Table,
    data_uri,
    mark,
    rendered,
)


@dataclass(frozen=True, eq=False)
class ShownSighting:
    """A sighting on the page.

    Args:
        sighting: The sighting.
        camera: Its camera in words.
        time: Its time in words.
        said: A line below it: who marked it and when, or its rank and similarity.
        jpeg: The picture of the person; None where there is none any more.
        frame: The whole frame as a JPEG file of any size; None where it is not shown.
        file: The address of the whole frame beside the page; empty where there is none.
        level: The verdict where it says something: "match" or "possible"; empty otherwise.
        status: "right" where it is confirmed, "wrong" where it is rejected.
        more: What is said when it is opened.
    """

    sighting: Sighting
    camera: str
    time: str
    said: str
    jpeg: bytes | None = None
    frame: bytes | None = None
    file: str = ""
    level: str = ""
    status: Status = "plain"
    more: str = ""


@dataclass(frozen=True)
class ShownClip:
    """A film on the page.

    Args:
        file: Its address beside the page.
        said: A line that says what it shows.
        poster: A JPEG picture that stands there until the film is played; None for none.
    """

    file: str
    said: str
    poster: bytes | None = None


@dataclass(frozen=True)
class ShownNote:
    """A note on the page, and a line that says by whom and when."""

    text: str
    said: str


@dataclass(frozen=True, eq=False)
class ShownSearch:
    """A search on the page.

    Args:
        title: When it was made and by whom.
        words: What was asked for.
        level: The level of the verdict; empty without one.
        verdict: The verdict in words, or why there is none.
        rates: How often such a verdict is wrong.
        probes: JPEG pictures of the person looked for.
        shown: The first sightings of the answer.
        more: A line about the rest.
    """

    title: str
    words: str
    level: str
    verdict: str
    rates: str
    probes: Sequence[bytes]
    shown: Sequence[ShownSighting]
    more: str = ""


@dataclass(frozen=True, eq=False)
class ShownCase:
    """A case on the page.

    Args:
        title: Its name.
        introduction: Who exported it and when.
        headlines: The figures in large type.
        notes: The notes.
        confirmed: The confirmed sightings in the order of time.
        rejected: The rejected sightings.
        clips: The films.
        searches: The searches.
        checking: How the export can be checked, in words.
        command: The command that checks it.
        missing: One line for each thing that could not be exported.
        tables: Models, sources, parameters, the audit log.
        zones: In which time zones the timeline is drawn.
    """

    title: str
    introduction: str
    headlines: Sequence[Headline]
    notes: Sequence[ShownNote]
    confirmed: Sequence[ShownSighting]
    rejected: Sequence[ShownSighting]
    clips: Sequence[ShownClip]
    searches: Sequence[ShownSearch]
    checking: str
    command: str
    missing: Sequence[str] = ()
    tables: Sequence[Table] = field(default_factory=tuple)
    zones: ClockZones = field(default_factory=ClockZones)


def case_page(case: ShownCase, *, made: str | None = None) -> str:
    """The page of an exported case, as HTML. It opens by itself; films and whole frames lie beside it.

    Args:
        case: What is shown.
        made: When it was made, as the head of the page tells; None is this moment.
    """
    shown = {
        "confirmed": [_card(one, str(place)) for place, one in enumerate(case.confirmed, start=1)],
        "clips": [{**vars(one), "poster": data_uri(one.poster)} for one in case.clips],
        "rejected": [_card(one) for one in case.rejected],
        "searches": [
            {
                **vars(search),
                "probes": [data_uri(probe) for probe in search.probes],
                "shown": [_card(one) for one in search.shown],
            }
            for search in case.searches
        ],
    }
    dots = [one.sighting for one in case.confirmed]
    said = {} if made is None else {"made": made}
    view = {**vars(case), **shown}
    timeline = drawing.timeline(dots, zones=case.zones)
    return rendered("case.html.j2", case=view, timeline=timeline, title=case.title, **said)


def _card(one: ShownSighting, anchor: str = "") -> dict[str, object]:
    """A sighting as the template takes it."""
    sighting = one.sighting
    context = None
    if one.frame is not None:
        context = {
            "uri": data_uri(one.frame),
            "width": sighting.frame_width,
            "height": sighting.frame_height,
            "marks": [mark(MarkedBox(sighting.box), sighting.frame_width)],
        }
    box = ", ".join(f"{value:.0f}" for value in sighting.box)
    words = f"box {box} · detector's confidence {sighting.detection_score:.2f} · {sighting.frame}"
    similarity = "" if sighting.similarity is None else f"{sighting.similarity:.3f}"
    return {
        **vars(one),
        "anchor": anchor,
        "cutout": data_uri(one.jpeg),
        "context": context,
        "words": words,
        "similarity": similarity,
        "frame": sighting.frame,
    }
