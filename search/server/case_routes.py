"""The routes of cases: their searches, marks and notes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from search.cases.folder import NoCase
from search.cases.values import Case, CaseSearch, CaseSighting
from search.desk.exports import file_name
from search.desk.refusals import NotThere, Unusable, sentence
from search.desk.searches import Answer
from search.server.gallery_routes import jpeg
from search.server.questions import GivenMark, GivenName, GivenNote, GivenSearch
from search.server.shown import Shown, shown_sighting
from search.server.workplace import Workplace, asker

CaseName = Annotated[str, Path(max_length=64)]
SHOWN_FILTERS = ("cameras", "after", "before", "minimum_similarity", "limit")


def case_routes(place: Workplace) -> APIRouter:
    """The routes of cases."""
    routes = APIRouter()
    for add in (_add_cases, _add_contents):
        add(routes, place)
    return routes


def _add_cases(routes: APIRouter, place: Workplace) -> None:
    cases = place.desk.cases

    @routes.get("/api/cases", summary="All cases, those that changed last first")
    def every() -> Shown:
        return {"cases": [{**one.to_dict(), "problem": bool(one.problem)} for one in cases.list()]}

    @routes.post("/api/cases", summary="Begin a case")
    def create(request: Request, given: GivenName) -> Shown:
        with _said(place):
            case = cases.create(given.name, by=asker(request))
        place.note(request, "case", case=case.case, name=case.name)
        return shown_case(case)

    @routes.get("/api/cases/{case}", summary="A case with its searches, marks and notes")
    def opened(request: Request, case: CaseName) -> Shown:
        found = open_case(place, case)
        place.note(request, "view case", case=case)
        return shown_case(found)

    @routes.patch("/api/cases/{case}", summary="Give a case another name")
    def rename(request: Request, case: CaseName, given: GivenName) -> Shown:
        with _said(place):
            renamed = cases.give_name(case, name=given.name)
        place.note(request, "rename case", case=case, name=renamed.name)
        return shown_case(renamed)


def _add_contents(routes: APIRouter, place: Workplace) -> None:
    desk = place.desk

    @routes.post("/api/cases/{case}/marks", summary="Confirm or reject a sighting, or take its mark away")
    def mark(request: Request, case: CaseName, given: GivenMark) -> Shown:
        seen = _seen(place, open_case(place, case), given.sighting)
        marked = desk.cases.mark(case, seen, given.mark, by=asker(request))
        place.note(request, "mark", case=case, sighting=given.sighting, mark=given.mark)
        return shown_case(marked)

    @routes.post("/api/cases/{case}/notes", summary="Add a note")
    def note(request: Request, case: CaseName, given: GivenNote) -> Shown:
        with _said(place):
            noted = desk.cases.note(case, given.text, by=asker(request))
        place.note(request, "note", case=case, letters=len(given.text))
        return shown_case(noted)

    @routes.post("/api/cases/{case}/export", summary="The case as one ZIP file", response_class=FileResponse)
    def export(request: Request, case: CaseName) -> FileResponse:
        with _said(place):
            path = desk.exports.export(case, asker(request))
        name = file_name(open_case(place, case).name)
        sent = BackgroundTask(path.unlink, missing_ok=True)
        return FileResponse(path, media_type="application/zip", filename=name, background=sent)

    @routes.get("/api/cases/{case}/probes/{probe}", summary="A picture that a search went by", response_class=Response)
    def probe_of(case: CaseName, probe: Annotated[str, Path(max_length=64)]) -> Response:
        content = desk.cases.probe(case, probe)
        if content is None:
            raise NotThere("no_case_picture")
        return jpeg(content)


def keep(place: Workplace, request: Request, asked: GivenSearch, answer: Answer) -> str:
    """Keep a search in its case, and give its name there: its number, from 1 on.

    Args:
        place: What the routes share.
        request: Who asks.
        asked: The search; it names a case.
        answer: Its answer.
    """
    given = asked.model_dump(exclude_none=True)
    search = CaseSearch.of(
        answer.ranked,
        by=asker(request),
        examples=given["examples"],
        others=given["others"],
        filters=answer.filters,
        embedded_by=place.desk.embedded_by(),
        models=answer.models,
    )
    assert asked.case is not None
    return str(len(place.desk.cases.add_search(asked.case, search, answer.people).searches))


def open_case(place: Workplace, case: str) -> Case:
    """A case with everything in it.

    Raises:
        NoCase: There is no such case.
        Unusable: One of its files is damaged.
    """
    with _said(place):
        return place.desk.cases.open(case)


def marks_of(case: Case) -> dict[str, str]:
    """What was said of sightings, by their keys."""
    return {one.seen.key: one.mark for one in case.marks}


def shown_case(case: Case) -> Shown:
    """A case; the sightings of its searches are counted, those that are marked are shown."""
    heads = {name: getattr(case, name) for name in ("case", "name", "created", "changed", "by")}
    counts = {"confirmed": len(case.confirmed), "rejected": len(case.rejected)}
    return {
        **heads,
        **counts,
        "searches": [_shown_search(number, one) for number, one in enumerate(case.searches, start=1)],
        "marks": [
            shown_sighting(one.seen.sighting)
            | {"mark": one.mark, "by": one.by, "at": one.at, "similarity": one.seen.sighting.similarity}
            for one in case.marks
        ],
        "notes": [one.to_dict() for one in case.notes],
    }


def _shown_search(number: int, search: CaseSearch) -> Shown:
    best = next((one.sighting.similarity for one in search.sightings), None)
    return {
        "search": str(number),
        "at": search.at,
        "by": search.by,
        "examples": list(search.examples),
        "others": list(search.others),
        "filters": {name: search.filters.get(name) for name in SHOWN_FILTERS},
        "level": search.level,
        "searched": search.searched,
        "sightings": len(search.sightings),
        "best": best,
        "probes": list(search.probes),
    }


def _seen(place: Workplace, case: Case, key: str) -> CaseSighting:
    """A sighting as the case's latest search ranked it, else as the gallery has it."""
    for search in reversed(case.searches):
        for one in search.sightings:
            if one.key == key:
                return one
    return CaseSighting(place.desk.gallery.sighting(key))


@contextmanager
def _said(place: Workplace) -> Iterator[None]:
    """Say what is wrong with a text or a damaged case; a case that is not there is said by the application."""
    try:
        yield
    except NoCase:
        raise
    except ValueError as error:
        raise Unusable("cannot_be_met", why=sentence(str(error), place.desk.cases.path, "cases")) from error
