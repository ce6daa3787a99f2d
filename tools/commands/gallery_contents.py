"""personsearch gallery info: what a gallery holds, what made it, and what it takes."""

from pathlib import Path
from typing import Any

from tools.outcome import Outcome, table


def info(gallery: Path) -> Outcome:
    """Show what a gallery holds: cameras, times and sources, the models that made it, and what it takes on the disk.

    Args:
        gallery: The gallery's folder.
    """
    from search.care.compacting import Room
    from search.gallery.contents import FrameContents
    from search.gallery.gallery import Gallery
    from search.gallery.sightings import NO_CAMERA, ClockZones
    from search.gallery.store import has_key, version_files

    with Gallery.open(gallery) as store:
        held, room, described = store.summary(), Room.of(gallery), store.description
        filmed_by = store.filmed_by()
        groups = {name: FrameContents(gallery, store.frames).by(name) for name in ("camera", "source")}
    zones = ClockZones.known(described.cameras)
    rows: list[list[object]] = [
        ["sightings", held.sightings],
        ["frames", held.frames],
        ["earliest", zones.display(held.first, *filmed_by)],
        ["latest", zones.display(held.last, *filmed_by)],
        ["numbers in an embedding", described.embedding_dim],
        ["second stage", described.second_dim or "none"],
        ["model", described.files.owner or "not noted"],
        ["tables on disk, MB", round(room.tables / 1e6, 1)],
        ["pictures on disk, MB", round(room.pictures / 1e6, 1)],
        ["files", room.files],
        ["versions kept", len(version_files(gallery, "sightings"))],
        ["several indexers at once", "safe" if has_key(store.table) else "after the next index"],
    ]
    parts = [table(["gallery", str(gallery)], rows)]
    for name, found in groups.items():
        lines, noted = [], described.cameras if name == "camera" else ()
        # Whoever is noted and has no frames yet comes from a cameras file, or is a slip.
        without = [one.id for one in noted if one.id not in {other["camera"] for other in found}]
        found += [{name: one, "frames": 0, "sightings": 0, "first": None, "last": None} for one in without]
        for one in found:
            cameras = [one[name]] if name == "camera" else filmed_by
            times = [zones.display(one[end], *cameras) for end in ("first", "last")]
            shown = one[name] or NO_CAMERA
            if name == "camera":
                one |= described.camera(shown).to_dict()
            known = [_noted(one[what], what, shown) for what in ("name", "place", "time_zone")] if noted else []
            lines.append([shown, *known, one["frames"], one["sightings"], *times])
        words = ["name", "place", "time zone"] if noted else []
        parts.append(table([name, *words, "frames", "sightings", "earliest", "latest"], lines))
    figures = {"gallery": gallery, "summary": held, "disk": room, "cameras": groups["camera"]}
    figures |= {"sources": groups["source"], "models": described.files.to_dict()}
    return Outcome("\n\n".join(parts), figures)


def _noted(value: Any, what: str, camera: str) -> str:
    """What is noted of a camera, "-" where nothing is; its id is no name."""
    if value is None or (what == "name" and value == camera):
        return "-"
    return ", ".join(f"{one:g}" for one in value) if what == "place" else str(value)
