"""The routes that show a gallery: cameras, frames, pictures, sightings."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from search.desk.clips import LONGEST_SECONDS
from search.desk.pictures import WIDTHS, missing_footage
from search.desk.refusals import SENTENCES
from search.desk.searches import MOST_OTHERS, MOST_PICTURES
from search.server.questions import Moment, ZoneName
from search.server.shown import Shown, camera_id, shown_camera, shown_frame, shown_sighting, shown_zone
from search.server.workplace import Workplace

THUMBNAIL = 480
"""A frame asked for at most so wide is a thumbnail of a list, which the record does not note."""

Key = Annotated[str, Path(max_length=64)]
Time = Annotated[Moment | None, Query()]
KEPT = {"cache-control": "private, max-age=600"}
"""Pictures of one key never change, so the browser need not ask again while its reader goes to and fro."""


def gallery_routes(place: Workplace) -> APIRouter:
    """The routes of a gallery's contents."""
    routes = APIRouter()
    for add in (_add_overview, _add_frames, _add_frame, _add_sightings):
        add(routes, place)
    return routes


def _add_overview(routes: APIRouter, place: Workplace) -> None:
    desk = place.desk

    @routes.get("/api/gallery", summary="The gallery: cameras, times, counts")
    def gallery() -> Shown:
        catalog = desk.gallery.catalog()
        first, last = catalog.span() or (None, None)
        return {
            "name": desk.gallery.name,
            "sightings": sum(one.sightings for one in catalog.cameras),
            "frames": len(catalog),
            "cameras": [shown_camera(one, desk.gallery.description) for one in catalog.cameras],
            "first": first,
            "last": last,
            "undated": [camera_id(camera) for camera in catalog.undated()],
            "limits": {
                "examples": MOST_PICTURES,
                "others": MOST_OTHERS,
                "upload_bytes": desk.settings.uploads.most_bytes,
            },
            **desk.facts(last),
        }

    @routes.get("/api/activity", summary="How many sightings each camera has in each part of the time")
    def activity(buckets: Annotated[int, Query(ge=1, le=1000)] = 120) -> Shown:
        edges, counts = desk.gallery.catalog().activity(buckets)
        return {
            "edges": edges,
            "cameras": {camera_id(camera): numbers for camera, numbers in counts.items()},
        }


def _add_frames(routes: APIRouter, place: Workplace) -> None:
    @routes.get("/api/cameras/{camera:path}/frames", summary="The frames of a camera in the order of time")
    def frames(
        camera: Annotated[str, Path(max_length=200)],
        after: Time = None,
        before: Time = None,
        time_zone: Annotated[ZoneName | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    ) -> Shown:
        catalog = place.desk.gallery.catalog()
        of_camera = catalog.camera(camera)
        times = place.desk.times(after, before, chosen=time_zone, cameras=[camera])
        rows = catalog.between(of_camera, times.after, times.before)
        shown = [shown_frame(catalog.at(row)) for row in rows[offset : offset + limit]]
        return {"frames": shown, "total": len(rows), **shown_zone(times)}


def _add_frame(routes: APIRouter, place: Workplace) -> None:
    desk = place.desk

    @routes.get("/api/frames/{frame}", summary="One frame, and its neighbors in time")
    def frame_of(frame: Key) -> Shown:
        one = desk.gallery.frame(frame)
        before, after = desk.gallery.catalog().neighbors(one)
        neighbors = {"previous": before and before.key, "next": after and after.key}
        return shown_frame(one) | neighbors

    @routes.get("/api/frames/{frame}/people", summary="The people found in a frame")
    def people(frame: Key) -> Shown:
        one = desk.gallery.frame(frame)
        why = missing_footage(one)
        found = [shown_sighting(sighting) for sighting in desk.gallery.people(one)]
        return {
            "width": one.width,
            "height": one.height,
            "people": found,
            "source_there": not why,
            "why": SENTENCES.get(why, ""),
        }

    @routes.get("/api/frames/{frame}/picture", summary="A whole frame as JPEG", response_class=Response)
    def picture(
        request: Request,
        frame: Key,
        width: Annotated[int | None, Query(ge=WIDTHS.start, le=WIDTHS.stop - 1)] = None,
    ) -> Response:
        one = desk.gallery.frame(frame)
        content = desk.pictures.frame(one, width)
        if width is None or width > THUMBNAIL:
            place.note(request, "view frame", frame=one.frame, source=one.source, camera=camera_id(one.camera))
        return jpeg(content)


def _add_sightings(routes: APIRouter, place: Workplace) -> None:
    desk = place.desk

    @routes.get("/api/sightings/{sighting}", summary="One sighting")
    def sighting_of(request: Request, sighting: Key) -> Shown:
        one = desk.gallery.sighting(sighting)
        place.note(request, "view sighting", **named(one))
        return shown_sighting(one)

    @routes.get("/api/sightings/{sighting}/picture", summary="The person as JPEG", response_class=Response)
    def person(sighting: Key) -> Response:
        return jpeg(desk.pictures.person(desk.gallery.sighting(sighting)))

    @routes.get("/api/sightings/{sighting}/nearby", summary="Who was near, at the same camera")
    def nearby(
        request: Request, sighting: Key, seconds: Annotated[float, Query(ge=0, le=3600, allow_inf_nan=False)] = 60
    ) -> Shown:
        one = desk.gallery.sighting(sighting)
        at = one.timestamp or 0.0
        found = [
            shown_sighting(near) | {"seconds": round((near.timestamp or 0.0) - at, 3)}
            for near in desk.gallery.nearby(one, seconds)
        ]
        place.note(request, "view nearby", **named(one), seconds=seconds, sightings=len(found))
        return {"sightings": found}

    @routes.get(
        "/api/sightings/{sighting}/clip", summary="The seconds around a sighting as MP4", response_class=Response
    )
    def clip(
        request: Request,
        sighting: Key,
        seconds: Annotated[float, Query(ge=1, le=LONGEST_SECONDS, allow_inf_nan=False)] = 10,
    ) -> Response:
        one = desk.gallery.sighting(sighting)
        content = desk.clips.clip(desk.gallery.frame(sighting.rpartition(".")[0]), one, seconds)
        place.note(request, "view clip", **named(one), seconds=seconds)
        return Response(content, media_type="video/mp4", headers=KEPT)


def jpeg(content: bytes) -> Response:
    """A JPEG picture as an answer that a browser keeps for ten minutes."""
    return Response(content, media_type="image/jpeg", headers=KEPT)


def named(sighting: Any) -> dict[str, Any]:
    """A sighting as the record names it."""
    return {"sighting": sighting.key, "camera": camera_id(sighting.camera), "frame": sighting.frame}
