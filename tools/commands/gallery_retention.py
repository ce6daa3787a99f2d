"""personsearch gallery delete and merge: sightings out of a gallery, and several galleries into one."""

from pathlib import Path

from tools.outcome import Outcome, table
from tools.times import parse_time


def delete(
    gallery: Path, *, before: str | None = None, source: str | None = None, camera: list[str] | None = None
) -> Outcome:
    """Delete people from a gallery for good: by time, by source, by camera, or by all that are given together.

    Rows, pictures and the old versions that still hold them are removed, so that no file of the gallery has them any
    more. The footage itself stays where it is, and indexing it again brings its people back.

    Example:
        personsearch gallery delete people --before 2026-05-01

    Args:
        gallery: The gallery's folder.
        before: Only people seen before this time: a date and time such as 2026-05-01T08:30 (in the zone of this
            machine where it names none), or seconds as the gallery has them. Frames of unknown time stay.
        source: Only people of this source: the folder of a video or of pictures, or the address of a stream.
        camera: Only people seen by these cameras, comma-separated.
    """
    from search.care.removal import Doomed, delete_sightings
    from search.gallery.gallery import Gallery

    seconds = None if before is None else parse_time(before, "--before")
    doomed = Doomed(source, None if camera is None else tuple(camera), seconds)
    with Gallery.open(gallery) as store:
        done = delete_sightings(store, doomed)
    text = (
        f"deleted: {done.sightings} sightings, {done.frames} frames; {done.bytes / 1e6:.1f} MB less on the disk; "
        f"{done.left} sightings are left"
    )
    return Outcome(text, {"gallery": gallery, "deleted": done})


def merge(gallery: Path, *, others: list[Path]) -> Outcome:
    """Add everybody in other galleries to a gallery; the others stay as they are.

    All of them must have been made by the same models in the same way. Frames that the gallery has already are passed
    over.

    Example:
        personsearch gallery merge everything --others north,south

    Args:
        gallery: The gallery that grows; it is made if it is not there.
        others: The galleries to add, comma-separated.
    """
    from search.care.merging import merge as take_over
    from search.gallery.gallery import Gallery

    taken = take_over(gallery, others)
    total = len(Gallery.open(gallery))
    rows = [[one.gallery, one.frames, one.sightings, one.known] for one in taken]
    text = table(["gallery", "frames", "sightings", "frames known before"], rows)
    figures = {"gallery": gallery, "merged": taken, "sightings": total}
    return Outcome(f"{text}\ngallery {gallery} has {total} sightings now", figures)
