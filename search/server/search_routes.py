"""The routes that ask: uploads, searches, what is running, and logging in."""

import uuid
from typing import Annotated

from fastapi import APIRouter, File, Path, Request, Response, UploadFile
from fastapi.responses import JSONResponse

from search.desk.refusals import told
from search.server.access import SESSION_COOKIE, SESSION_SECONDS, TooManyTries
from search.server.case_routes import keep, marks_of, open_case
from search.server.gallery_routes import jpeg
from search.server.guard import session_of
from search.server.questions import GivenLogin, GivenSearch
from search.server.shown import Shown, shown_answer, shown_probe, shown_zone
from search.server.workplace import Workplace, asker, sender


def search_routes(place: Workplace) -> APIRouter:
    """The routes of uploads, searches, jobs and sessions."""
    routes = APIRouter()
    for add in (_add_probes, _add_searches, _add_status, _add_sessions):
        add(routes, place)
    return routes


def _add_probes(routes: APIRouter, place: Workplace) -> None:
    desk = place.desk

    @routes.post("/api/probes", summary="Upload a picture; the people in it are found")
    def upload(request: Request, picture: Annotated[UploadFile, File(description="JPEG, PNG, WebP, ...")]) -> Shown:
        probe = desk.upload(picture.file.read())
        place.note(request, "upload", probe=probe.probe, people=len(probe.found))
        return shown_probe(probe)

    @routes.get("/api/probes/{probe}", summary="An uploaded picture again, as long as it is kept")
    def uploaded(probe: Annotated[str, Path(max_length=64)]) -> Shown:
        return shown_probe(desk.probes.get(probe))

    @routes.get("/api/probes/{probe}/picture", summary="An uploaded picture as JPEG", response_class=Response)
    def picture_of(probe: Annotated[str, Path(max_length=64)]) -> Response:
        return jpeg(desk.probes.get(probe).jpeg())


def _add_searches(routes: APIRouter, place: Workplace) -> None:
    @routes.post("/api/searches", summary="Look for a person")
    def search(request: Request, asked: GivenSearch) -> JSONResponse:
        desk = place.desk
        given = asked.filters
        times = desk.times(given.after, given.before, chosen=given.time_zone, cameras=given.cameras or None)
        question = asked.question(times)
        marks = {} if asked.case is None else marks_of(open_case(place, asked.case))
        answer = desk.searches.ask(question)
        name = uuid.uuid4().hex if asked.case is None else keep(place, request, asked, answer)
        place.note(
            request,
            "search",
            search=name,
            case=asked.case,
            asked=asked.model_dump(exclude_none=True),
            time_zone=times.zone_name,
            sightings=[one.key for one in answer.ranked],
            searched=answer.ranked.searched,
            level=None if answer.ranked.verdict is None else answer.ranked.verdict.level,
        )
        # Written directly: checking a thousand rows again would take longer than finding them.
        return JSONResponse({"search": name, **shown_zone(times), **shown_answer(answer, marks)})


def _add_status(routes: APIRouter, place: Workplace) -> None:
    desk = place.desk

    @routes.get("/api/jobs", summary="What is running now")
    def jobs() -> Shown:
        return {"jobs": [job.to_dict() for job in desk.jobs.now()]}

    @routes.get("/api/status", summary="The version, the models, who asks")
    def status(request: Request) -> Shown:
        from importlib.metadata import version

        loaded = desk.models.loaded
        text = "The models are loaded." if loaded else "The models are loaded with the first search or upload."
        return {
            "version": version("personsearch"),
            "models": {"loaded": loaded, "text": text, "embedded_by": desk.embedded_by()},
            "gallery": desk.gallery.name,
            "user": asker(request),
            "token_needed": not place.access.open_to_all,
        }


def _add_sessions(routes: APIRouter, place: Workplace) -> None:
    access, secure = place.access, place.settings.certificate is not None

    @routes.post("/api/login", summary="Bring the token, and get a cookie for the browser", status_code=204)
    def login(request: Request, given: GivenLogin) -> Response:
        try:
            session = access.login(given.token, given.name, sender(request) or "")
        except TooManyTries:
            return JSONResponse(told("too_many_tokens", {}), 429)
        if session is None:
            place.desk.record.append("login refused", "nobody", {"from": sender(request)})
            return JSONResponse(told("wrong_token", {}), 401)
        place.desk.record.append("login", access.user_of(session) or "nobody", {"from": sender(request)})
        answer = Response(status_code=204)
        options = {"max_age": int(SESSION_SECONDS), "path": "/", "secure": secure, "httponly": True}
        answer.set_cookie(SESSION_COOKIE, session, samesite="strict", **options)  # type: ignore[arg-type]
        return answer

    @routes.post("/api/logout", summary="End the browser's session", status_code=204)
    def logout(request: Request) -> Response:
        access.logout(session_of(request.headers.get("cookie")))
        place.note(request, "logout")
        answer = Response(status_code=204)
        answer.delete_cookie(SESSION_COOKIE, path="/", secure=secure, httponly=True, samesite="strict")
        return answer
