"""personsearch gallery set: the right camera and time of footage that is in a gallery already."""

from pathlib import Path

from datasets.moments import zone_named
from tools.outcome import Outcome, counted
from tools.times import parse_time


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
            that of this machine.
        name: How people call the camera.
        place: Where the camera is: right and down on a plan, or latitude and longitude.
    """
    from search.care.corrections import Correction, correct, describe
    from search.gallery.gallery import Gallery
    from search.gallery.sightings import display_time

    zone = None if time_zone is None else zone_named(time_zone)
    begins = None if start_time is None else parse_time(start_time, "--start-time", zone)
    described = (name, place, time_zone) != (None, None, None)
    if source is None and (start_time is not None or camera is None or not described):
        raise ValueError(
            "it is unclear what is to be corrected, expected --source, or --camera with --name, --place or "
            "--time-zone; add one"
        )
    if described and camera is None and (name, place) != (None, None):
        raise ValueError("--name and --place are of a camera, expected --camera with them; add it")
    correction = None if source is None else Correction(source, camera, begins)
    with Gallery.open(gallery) as store:
        done = None if correction is None else correct(store, correction)
        if described and camera is not None:
            describe(store, camera, name=name, place=place, zone=time_zone)
    lines = []
    if done is not None:
        lines.append(f"corrected: {counted(done.frames, 'frame')} with {counted(done.sightings, 'sighting')}")
        lines += [f"their camera is {camera}"] if camera is not None else []
        lines += (
            [f"their times moved by {done.seconds:g} s, and begin at {display_time(begins, zone)}"] if begins else []
        )
    lines += [f"noted of camera {camera}: name, place or zone"] if described and camera is not None else []
    return Outcome("\n".join(lines), {"gallery": gallery, "source": source, "camera": camera, "corrected": done})
