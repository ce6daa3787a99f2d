"""personsearch find: rank the gallery's sightings of one person."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tools.outcome import Outcome
from tools.times import parse_time

if TYPE_CHECKING:
    from search.gallery.description import GalleryDescription
    from search.pipeline import PersonSearch
    from search.query.fusion import Ranking
    from search.query.results import RankedSightings


def find(
    gallery: Path,
    *,
    model: Path | None = None,
    second_stage: Path | None = None,
    crop: list[Path] | None = None,
    frame: Path | None = None,
    box: tuple[float, float, float, float] | None = None,
    limit: int = 20,
    camera: list[str] | None = None,
    after: str | None = None,
    before: str | None = None,
    minimum_score: float | None = None,
    combine: Literal["mean", "max"] = "mean",
    second_weight: float = 0.8,
    candidates: int = 1000,
    rerank: bool = False,
    context: bool = False,
    class_weighted: bool = False,
    include_own_frame: bool = False,
    html: Path | None = None,
) -> Outcome:
    """Rank the sightings of a gallery by similarity to a person: --crop PICTURE, or --frame PICTURE --box x1,y1,x2,y2.

    The score is the cosine similarity of the embeddings, from -1 to 1; with --second-stage the weighted sum of both
    stages' similarities, with --rerank one minus a distance, from 0 to 1, with --context, for some, the similarity of
    their company. It orders sightings; no value of it says alone that two people are the same. What does is
    `personsearch calibrate`: the answer then begins with a verdict, match, possible or not present, and so does every
    sighting. It follows the similarity, also with --rerank and --context.

    Args:
        gallery: the gallery's folder, made by `personsearch index`.
        model: the joint model that made the gallery; whether with --mirrored, the gallery tells. Left out where the
            gallery was made with --detector.
        second_stage: the crop model that made the gallery's second embeddings: the candidates are ranked by both.
        crop: a picture that shows the person alone; several of the same person may be given: a.jpg,b.jpg.
        frame: a whole frame that shows the person.
        box: where in that frame, in pixels.
        limit: at most this many sightings.
        camera: only these cameras: 1,4.
        after: only from this time on: ISO 8601 (UTC where no zone is given), or seconds.
        before: only earlier than this time.
        minimum_score: only sightings at least this similar.
        combine: how several crops count: their mean, or each sighting by the crop most like it.
        second_weight: share of the second stage in the score, from 0 to 1.
        candidates: so many best sightings are looked at again by --second-stage and --rerank.
        rerank: rank the candidates by the neighbours that they share with the probe (k-reciprocal re-ranking).
        context: with --frame also match the people beside the box with those of the best sightings' frames (CBGM): who
            walks with the same company is ranked by the most similar of the company. Not with --rerank.
        class_weighted: multiply every similarity by the detection's confidence, as `evaluate search` does: doubtful
            boxes rank lower. Verdicts then want a `calibrate --class-weighted`.
        include_own_frame: rank the sightings of --frame itself too, where it was indexed; its person comes first then.
        html: also write a page with the cut-outs to this file.
    """
    from datasets.boxes import cut
    from datasets.images import read_image
    from search.gallery.filters import Filters
    from search.pages.page import MarkedBox, Picture, write_find_page
    from search.query.fusion import Ranking

    if (crop is None) == (frame is None) or (frame is None) != (box is None):
        raise ValueError("the probe is unclear, expected either --crop PICTURE or --frame PICTURE --box x1,y1,x2,y2")
    if context and (rerank or crop is not None):
        other = "--rerank" if rerank else "--crop, which shows nobody else"
        raise ValueError(f"--context does not go with {other}; leave one of the two out")
    if context and model is None:
        raise ValueError("--context needs the people beside the box, and a crop model finds nobody; leave it out")
    if html is not None and html.is_dir():
        raise ValueError(f"--html {html} is a folder, expected a file; give a file name in it")
    filters = Filters(
        camera,
        None if after is None else parse_time(after, "--after"),
        None if before is None else parse_time(before, "--before"),
        minimum_score,
        limit,
        exclude_file=None if include_own_frame else frame,
    )
    ranking = Ranking(second_weight, candidates, rerank, class_weighted, context)
    search = _search(gallery, model, second_stage)
    with search.open_gallery(gallery) as store:
        if frame is not None and box is not None:
            picture = read_image(frame)
            answer = search.find(store, frame=picture, box=box, filters=filters, ranking=ranking)
            pictures = [cut(picture, box)]
            origin = Picture(picture, frame.name, [MarkedBox(box, "probe")])
        else:
            pictures = [read_image(path) for path in crop or []]
            answer = search.find(store, crop=pictures, combine=combine, filters=filters, ranking=ranking)
            origin = None
        verdict = _verdict(answer, store.description, model, second_stage, ranking)
        text = "\n".join([*verdict, answer.to_table()])
        if class_weighted:
            text += "\nsimilarities are multiplied by the detections' confidence (--class-weighted)"
        if html is not None:
            used = filters.words()
            used += ["similarities class-weighted"] if class_weighted else []
            used += ["re-ranked by shared neighbours: a score is one minus a distance"] if rerank else []
            used += ["matched with their company: a score is that of the most similar of it"] if context else []
            write_find_page(html, answer, store, pictures, note="; ".join(used), probe_frame=origin)
            text += f"\npage: {html}"
        if store.second_stage is not None and second_stage is None:
            text += "\nby the joint model alone; the gallery has a second stage too: --second-stage CROP_MODEL"
    probe = {"crop": [str(path) for path in crop or []], "frame": frame, "box": box}
    stages = {"second_stage": second_stage, **ranking.to_dict()}
    figures = {"gallery": gallery, "probe": probe, "filters": filters.to_dict(), "cascade": stages, **answer.to_dict()}
    return Outcome(text, figures)


def _verdict(
    answer: "RankedSightings",
    gallery: "GalleryDescription",
    model: Path | None,
    second_stage: Path | None,
    ranking: "Ranking",
) -> list[str]:
    """Whether the person is there, or how to get to know it."""
    if answer.verdict is not None:
        verdict = answer.verdict
        return [verdict.headline(), verdict.meaning(), *(f"but {doubt}" for doubt in verdict.doubts()), ""]
    if not answer.no_verdict:
        return []
    from search.evaluation.stages import TrackletMeans
    from search.gallery.description import is_mirrored
    from search.query.fusion import SECOND_WEIGHT

    given = {"--model": model, "--second-stage": second_stage}
    options = [f"{name} {path}" for name, path in given.items() if path is not None]
    options += ["--detector DETECTOR"] if model is None else []
    options += ["--mirrored"] if is_mirrored(gallery.model_fingerprint) else []
    if model is not None and second_stage is not None and ranking.second_weight != SECOND_WEIGHT:
        options.append(f"--second-weight {ranking.second_weight:g}")
    if gallery.tracklet_blend is not None:
        usual = gallery.tracklet_blend == TrackletMeans.blend
        options += ["--tracklets", *([] if usual else [f"--tracklet-blend {gallery.tracklet_blend:g}"])]
    options += ["--class-weighted"] if ranking.class_weighted else []
    remedy = f"`personsearch calibrate LABELLED_DATA {' '.join(options)}`"
    return [f"no verdict, scores only order the sightings: {answer.no_verdict}; {remedy} makes one", ""]


def _search(gallery: Path, model: Path | None, second_stage: Path | None) -> "PersonSearch":
    """The models that the gallery was made with, as they were used then."""
    from reid.crops.sphere_reid import SphereReID
    from search.gallery.description import is_mirrored, read_description
    from search.models.detector_and_crops import CropPersonSearch
    from search.pipeline import PersonSearch
    from search.query.calibration_files import stored_calibrations

    described = read_description(gallery)
    if model is not None:
        mirrored = is_mirrored(described.model_fingerprint)
        return PersonSearch.from_checkpoint(model, second_stage=second_stage, mirrored=mirrored)
    if second_stage is None:
        raise ValueError(
            "no model is given, expected the gallery's --model JOINT, or --second-stage CROP_MODEL where it was made "
            "with --detector"
        )
    if described.second_stage is not None:
        raise ValueError(f"gallery {gallery} was made with a joint model too; give --model beside --second-stage")
    crops = CropPersonSearch(None, SphereReID.from_checkpoint(second_stage))
    return PersonSearch(crops, calibrations=stored_calibrations(second_stage))
