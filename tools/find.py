"""personsearch find: rank the gallery's sightings of one person."""

from pathlib import Path
from typing import Any, Literal

from tools.outcome import Outcome
from tools.times import parse_time


def find(
    gallery: Path,
    *,
    model: Path,
    crop: list[Path] | None = None,
    frame: Path | None = None,
    box: tuple[float, float, float, float] | None = None,
    limit: int = 20,
    camera: list[str] | None = None,
    after: str | None = None,
    before: str | None = None,
    minimum_score: float | None = None,
    combine: Literal["mean", "max"] = "mean",
    include_own_frame: bool = False,
    html: Path | None = None,
) -> Outcome:
    """Rank the sightings of a gallery by similarity to a person: --crop PICTURE, or --frame PICTURE --box x1,y1,x2,y2.

    The score is the cosine similarity of the embeddings, from -1 to 1. It orders sightings; no value of it says alone
    that two people are the same.

    Args:
        gallery: the gallery's folder, made by `personsearch index`.
        model: the model that made the gallery; whether with --mirrored, the gallery tells.
        crop: a picture that shows the person alone; several of the same person may be given: a.jpg,b.jpg.
        frame: a whole frame that shows the person.
        box: where in that frame, in pixels.
        limit: at most this many sightings.
        camera: only these cameras: 1,4.
        after: only from this time on: ISO 8601 (UTC where no zone is given), or seconds.
        before: only earlier than this time.
        minimum_score: only sightings at least this similar.
        combine: how several crops count: their mean, or each sighting by the crop most like it.
        include_own_frame: rank the sightings of --frame itself too, where it was indexed; its person comes first then.
        html: also write a page with the cut-outs to this file.
    """
    from datasets.images import read_image
    from search.cutouts import cut_out
    from search.gallery_description import is_mirrored, read_description
    from search.pipeline import PersonSearch
    from search.report import MarkedBox, Picture, write_find_page

    if (crop is None) == (frame is None) or (frame is None) != (box is None):
        raise ValueError("the probe is unclear, expected either --crop PICTURE or --frame PICTURE --box x1,y1,x2,y2")
    if html is not None and html.is_dir():
        raise ValueError(f"--html {html} is a folder, expected a file; give a file name in it")
    filters: dict[str, Any] = {
        "limit": limit,
        "cameras": camera,
        "after": None if after is None else parse_time(after, "--after"),
        "before": None if before is None else parse_time(before, "--before"),
        "minimum_score": minimum_score,
    }
    search = PersonSearch.from_checkpoint(model, mirrored=is_mirrored(read_description(gallery)["model_fingerprint"]))
    with search.open_gallery(gallery) as store:
        if frame is not None and box is not None:
            picture = read_image(frame)
            own = None if include_own_frame else frame
            answer = search.find(store, frame=picture, box=box, exclude_file=own, **filters)
            pictures = [cut_out(picture, box)]
            origin = Picture(picture, frame.name, [MarkedBox(box, "probe")])
        else:
            pictures = [read_image(path) for path in crop or []]
            answer = search.find(store, crop=pictures, combine=combine, **filters)
            origin = None
        text = answer.to_table()
        if html is not None:
            used = [f"{name} {value}" for name, value in filters.items() if value is not None]
            write_find_page(html, answer, store, pictures, note="; ".join(used), probe_frame=origin)
            text += f"\npage: {html}"
    probe = {"crop": [str(path) for path in crop or []], "frame": frame, "box": box}
    return Outcome(text, {"gallery": gallery, "probe": probe, "filters": filters, **answer.to_dict()})
