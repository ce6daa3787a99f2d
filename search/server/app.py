"""The application: the routes behind the guard, the page's files, and every error as one sentence."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from search.cases.folder import NoCase
from search.desk.desk import Desk
from search.desk.refusals import NoPicture, NotReady, NotThere, Refusal, TooLarge, TooMany, Unusable, told
from search.server.access import Access
from search.server.case_routes import case_routes
from search.server.gallery_routes import gallery_routes
from search.server.guard import Guard
from search.server.reference import reference_page
from search.server.search_routes import search_routes
from search.server.settings import ServerSettings
from search.server.workplace import Workplace

WEB = Path(__file__).parent / "web"
STATUS: dict[type[Refusal], int] = {
    NotThere: 404, Unusable: 400, NoPicture: 415, TooLarge: 413, TooMany: 429, NotReady: 503,
}  # fmt: skip


def make_app(desk: Desk, settings: ServerSettings, *, web: Path = WEB) -> Guard:
    """The application of one gallery, to be run by any ASGI server.

    Args:
        desk: The gallery and what is done with it.
        settings: Where the server listens, and who may ask.
        web: The folder of the page's files.
    """
    access = Access(settings.token, tries_a_minute=settings.limits.logins_a_minute)
    place = Workplace(desk, settings, access)
    app = FastAPI(
        title="personsearch",
        summary="Find a person in surveillance footage.",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.include_router(gallery_routes(place))
    app.include_router(search_routes(place))
    app.include_router(case_routes(place))

    @app.get("/api/reference", include_in_schema=False)
    def reference() -> HTMLResponse:
        return HTMLResponse(reference_page(app.openapi()))

    app.mount("/", StaticFiles(directory=web, html=True, check_dir=False))
    for kind, status in STATUS.items():
        app.add_exception_handler(kind, _refusal(status))
    app.add_exception_handler(NoCase, _no_case)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _defect)
    return Guard(app, settings, access)


def _refusal(status: int) -> Any:
    def answer(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refusal)
        return JSONResponse(told(error.code, error.values), status)

    return answer


def _no_case(_: Request, __: Exception) -> JSONResponse:
    """A case that is not there; the error's own text names the folder of cases."""
    return JSONResponse(told("no_case", {}), 404)


def _invalid(_: Request, error: Exception) -> JSONResponse:
    """A request whose values have the wrong type or range: the first of them is named."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return JSONResponse(told("no_json", {}), 400)
    return JSONResponse(told("invalid_value", {"place": _place(first["loc"]), "why": first["msg"]}), 422)


def _place(parts: Sequence[int | str]) -> str:
    """Where a value stands in a request: "filters.limit"."""
    named = [str(part) for part in parts if part not in ("body", "query", "path")]
    return ".".join(named)[:120] or "The request's body"


def _http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    known = {400: "request_unreadable", 404: "nothing_here", 405: "not_asked_so"}
    code, values = known.get(error.status_code, "cannot_be_met"), dict[str, str | int]()
    if code == "cannot_be_met":
        values = {"why": str(error.detail)}
    return JSONResponse(told(code, values), error.status_code)


def _defect(_: Request, __: Exception) -> JSONResponse:
    """A fault of ours: the log has it whole, the reader is not told how the machine is made."""
    return JSONResponse(told("defect", {}), 500)
