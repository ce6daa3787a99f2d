"""personsearch gallery check, repair and compact: whether a gallery is whole, and making it so."""

from pathlib import Path

from tools.outcome import Outcome, table


def check(gallery: Path) -> Outcome:
    """Read everything in a gallery, and name what is wrong. Nothing is changed.

    Every row of the tables and every picture is read. The exit status is 1 where something is wrong.

    Args:
        gallery: The gallery's folder.
    """
    from search.care.inspection import inspect

    found = inspect(gallery)
    rows = [["sightings", found.sightings], ["frames", found.frames], ["pictures", found.pictures]]
    verdict = f"{len(found.problems)} things are wrong" if found.problems else "everything is whole"
    if len(found.problems) == 1:
        verdict = "one thing is wrong"
    text = "\n".join([table(["read", str(gallery)], rows), *(f"note: {note}" for note in found.notes), verdict])
    return Outcome(text, {"gallery": gallery, "check": found}, found.problems)


def repair(gallery: Path) -> Outcome:
    """Bring a gallery back to its last whole state, after a power cut for example, and say what was lost.

    Versions that cannot be read to their end are dropped, from the newest on. Frames whose people are lost with them
    are no longer marked as done: `personsearch index` with the same footage looks at them again. Rows that are there
    twice are kept once. A gallery that is whole stays as it is.

    Args:
        gallery: The gallery's folder.
    """
    from search.care.repairing import repair as mend

    done = mend(gallery)
    lines = list(done.dropped)
    if done.doubled:
        lines.append(f"{done.doubled} rows were there more than once, and are there once now")
    if done.frames:
        lines.append(
            f"lost: {done.lost} sightings; {done.frames} frames are to be looked at again: run `personsearch index` "
            "with the same footage"
        )
    elif lines:
        lines.append("no frame that was done lost a sighting")
    lines.append(f"gallery {gallery} has {done.sightings} sightings" + ("" if lines else "; it was whole already"))
    return Outcome("\n".join(lines), {"gallery": gallery, "repair": done})


def compact(gallery: Path) -> Outcome:
    """Make a gallery smaller and faster: small files are merged, old versions and pictures of nobody are removed.

    Indexing does most of this by itself.

    Args:
        gallery: The gallery's folder.
    """
    from search.care.compacting import Room
    from search.care.compacting import compact as tidy
    from search.gallery.gallery import Gallery

    with Gallery.open(gallery) as store:
        before = Room.of(gallery)
        tidy(store)
        after = Room.of(gallery)
    rows = [
        ["bytes of tables", before.tables, after.tables],
        ["bytes of pictures", before.pictures, after.pictures],
        ["files", before.files, after.files],
    ]
    text = table([f"gallery {gallery}", "before", "after"], rows)
    return Outcome(text, {"gallery": gallery, "before": before, "after": after})
