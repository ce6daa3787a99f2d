"""personsearch gallery check, repair and compact: whether a gallery is whole, and making it so."""

from pathlib import Path

from tools.outcome import Outcome, counted, table


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
        lines.append(f"rows that were there more than once, and are there once now: {done.doubled}")
    if done.frames:
        frames = f"{counted(done.frames, 'frame')} {'is' if done.frames == 1 else 'are'}"
        lines.append(
            f"lost: {counted(done.lost, 'sighting')}; {frames} to be looked at again: run `personsearch index` with "
            "the same footage"
        )
    elif lines:
        lines.append("no frame that was done lost a sighting")
    lines.append(
        f"gallery {gallery} has {counted(done.sightings, 'sighting')}" + ("" if lines else "; it was whole already")
    )
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


def second_stage(gallery: Path, model: Path) -> Outcome:
    """Add a second stage to a gallery: a crop model looks at everybody in it again, and `find` ranks by both models.

    The frames are read again from where they were indexed. Of people whose frame is not there any more, the small
    picture that the gallery keeps is looked at. Whoever indexes into the gallery meanwhile waits.

    Example:
        personsearch gallery second-stage people runs/market

    Args:
        gallery: The gallery's folder; it was made by a joint model, without a second stage and without --tracklets.
        model: The crop model: the folder of a `train crop` run, or the model.safetensors in it.
    """
    from search.care.second_look import add_second_stage
    from search.gallery.description import read_description
    from search.gallery.gallery import Gallery
    from search.gallery.noted_models import files_for
    from search.models.model_files import ModelFiles
    from search.pipeline import PersonSearch
    from tools.progress import Progress

    described = read_description(gallery)
    files = files_for(gallery, described, ModelFiles(None, model))
    mirrored = described.embedded_by.mirrored
    search = PersonSearch.from_files(files, finds_people=files.model is not None, mirrored=mirrored)
    if search.second_stage is None:
        raise ValueError(f"gallery {gallery} tells people apart by a crop model alone; index into a new folder instead")
    with Gallery.open(gallery) as store, Progress("Looking again", unit="sighting") as progress:
        done = add_second_stage(store, search.second_stage, search.description, progress)
    looked = f"{counted(done.sightings, 'sighting')} {'was' if done.sightings == 1 else 'were'} looked at again"
    lines = [f"{looked}; `personsearch find {gallery}` ranks by both models now"]
    if done.from_pictures:
        lines.append(f"{done.from_pictures} of them in the small picture alone, as their frames cannot be read again")
    return Outcome("\n".join(lines), {"gallery": gallery, "second_stage": model, "added": done})
