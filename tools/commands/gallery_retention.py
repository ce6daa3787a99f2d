"""personsearch gallery delete and merge: sightings out of a gallery, and several galleries into one."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tools.outcome import Outcome, counted, table
from tools.times import times_asked_for

if TYPE_CHECKING:
    from search.cases.present import Holding


def delete(
    gallery: Path, *, before: str | None = None, source: str | None = None, camera: list[str] | None = None
) -> Outcome:
    """Delete people from a gallery for good: by time, by source, by camera, or by all that are given together.

    Rows, pictures and the old versions that still hold them are removed, so that the gallery has them no more. Cases
    stay, also those in the gallery's folder: they keep uploaded pictures, and the records of sightings that searches
    found and people marked. The output names those with deleted sightings. The footage itself stays where it is, and
    indexing it again brings its people back.

    Example:
        personsearch gallery delete people --before 2026-05-01

    Args:
        gallery: The gallery's folder.
        before: Only people seen before this time: a date and time such as 2026-05-01T08:30, or seconds as the gallery
            has them. A time that names no zone is read as `find` reads it: in the zone of the cameras of --camera, or
            of all cameras, and it is refused where their zones differ. Frames of unknown time stay.
        source: Only people of this source: the folder of a video or of pictures, or the address of a stream.
        camera: Only people seen by these cameras, comma-separated.
    """
    from search.care.removal import Doomed, delete_sightings
    from search.cases.present import HeldByCases
    from search.gallery.gallery import Gallery
    from search.gallery.sightings import display_time, is_clock_time

    times = times_asked_for(gallery, None, before, cameras=camera, others="--camera")
    doomed = Doomed(source, None if camera is None else tuple(camera), times.before)
    with Gallery.open(gallery) as store:
        held = HeldByCases(store)
        done = delete_sightings(store, doomed)
        holding = held.of_deleted()
    left = f"{counted(done.left, 'sighting')} {'is' if done.left == 1 else 'are'} left"
    text = f"deleted: {counted(done.sightings, 'sighting')}, {counted(done.frames, 'frame')}; "
    lines = [f"{text}{done.bytes / 1e6:.1f} MB less on the disk; {left}"]
    if times.before is not None:
        zone = f" ({times.zone_name})" if is_clock_time(times.before) else ""
        lines.append(f"only what was seen before {display_time(times.before, times.zone)}{zone}")
    lines += [times.said] if times.said else []
    lines += _kept_by_cases(held.folder, holding)
    figures = {"gallery": gallery, "before": times.before, "times_read": times.said or None}
    return Outcome("\n".join(lines), {**figures, "deleted": done, "cases": holding})


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
    return Outcome(f"{text}\ngallery {gallery} has {counted(total, 'sighting')} now", figures)


def _kept_by_cases(folder: Path | None, holding: "Sequence[Holding]") -> list[str]:
    """What a person reads of the cases in the gallery's folder that hold what was deleted."""
    keep = "Cases keep uploaded pictures and the records of sightings, also of deleted ones"
    if not holding:
        return [f"{keep}; no case in the gallery's folder has one of these." if folder else f"{keep}."]
    lines = [f"{keep}. These hold some; delete the folder of a case to be rid of them:"]
    for one in holding:
        what = "cannot be read" if one.sightings is None else counted(one.sightings, "deleted sighting")
        lines.append(f"{folder}/{one.case}: {one.name!r}, {what}")
    return lines
