"""personsearch gallery set: the right camera and time of footage that is in a gallery already."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.moments import zone_named
from datasets.samples import camera_name
from tools.outcome import Outcome, counted
from tools.times import parse_time

if TYPE_CHECKING:
    from search.gallery.gallery import Gallery


def set_right(
    gallery: Path,
    *,
    source: str | None = None,
    camera: str | None = None,
    start_time: str | None = None,
    time_zone: str | None = None,
    name: str | None = None,
    place: tuple[float, float] | None = None,
) -> Outcome:
    """Correct what a gallery says about footage or a camera. Nothing is looked at again, so it takes seconds.

    With --source, the footage gets the camera and the time that are given. Without it, --camera names the camera whose
    name, place and zone are noted.

    Example:
        personsearch gallery set people --source recordings/gate.mp4 --camera gate --start-time 2026-05-01T08:00
        personsearch gallery set people --camera gate --name "North gate" --time-zone Europe/Berlin

    Args:
        gallery: The gallery's folder.
        source: The footage: a file, a folder with everything in it, or the address of a stream.
        camera: The camera that took the footage.
        start_time: When the footage began: a date and time such as 2026-05-01T08:30. Its earliest recording begins
            then, and its other times move with it.
        time_zone: The zone of the camera's clock, such as Europe/Berlin, in which the start time is read; by default
            that which was noted of the camera, and where none was, that of this machine.
        name: How people call the camera.
        place: Where the camera is: right and down on a plan, or latitude and longitude.
    """
    from search.care.corrections import Correction, cameras_of, correct, describe
    from search.gallery.gallery import Gallery

    if time_zone is not None:
        zone_named(time_zone)
    if start_time is not None:
        parse_time(start_time, "--start-time")  # whatever the zone, it is a time or none
    described = (name, place, time_zone) != (None, None, None)
    if source is None and (start_time is not None or camera is None or not described):
        raise ValueError(
            "it is unclear what is to be corrected, expected --source, or --camera with --name, --place or "
            "--time-zone; add one"
        )
    if described and camera is None and (name, place) != (None, None):
        raise ValueError("--name and --place are of a camera, expected --camera with them; add it")
    done, lines = None, []
    with Gallery.open(gallery) as store:
        if source is not None:
            cameras = cameras_of(store, source) if camera is None else [camera_name(camera)]
            begins, shown, said = _begin(store, start_time, time_zone, cameras)
            done = correct(store, Correction(source, camera, begins))
            lines.append(f"corrected: {counted(done.frames, 'frame')} with {counted(done.sightings, 'sighting')}")
            lines += [f"their camera is {camera}"] if camera is not None else []
            lines += [f"their times moved by {done.seconds:g} s, and begin at {shown}"] if begins else []
            lines += [said] if said else []
        if described and camera is not None:
            told = {"name": name, "place": place and "{:g}, {:g}".format(*place), "time zone": time_zone}
            values = ", ".join(f"{what} {value}" for what, value in told.items() if value is not None)
            for one in describe(store, camera, name=name, place=place, zone=time_zone):
                lines.append(f"noted of camera {one}: {values}")
    return Outcome("\n".join(lines), {"gallery": gallery, "source": source, "camera": camera, "corrected": done})


def _begin(
    store: "Gallery", start_time: str | None, time_zone: str | None, cameras: "Sequence[str | None]"
) -> tuple[float | None, str, str]:
    """When footage of these cameras began: in seconds, for people, and how a time without a zone was read."""
    from search.gallery.sightings import ClockZones
    from search.query.asked_times import TimeOptions, read_time, said_of_reading

    if start_time is None:
        return None, "", ""
    zones = ClockZones.known(store.description.cameras, time_zone)
    options = TimeOptions(others="--time-zone", time_zone="--time-zone")
    begins = read_time(start_time, zones, cameras, "--start-time", options)
    said = said_of_reading({"--start-time": start_time}, zones, cameras, options)
    return begins, zones.display(begins, *cameras), said
