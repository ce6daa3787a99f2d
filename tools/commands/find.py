"""personsearch find: rank the gallery's sightings of one person."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from datasets.images import MOST_PIXELS
from search.models.model_files import ModelFiles
from search.query.ranking import Ranking
from tools.commands.find_files import AnswerFiles
from tools.outcome import Outcome
from tools.times import parse_time

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from search.gallery.filters import Filters
    from search.gallery.gallery import Gallery
    from search.gallery.sightings import ClockZones
    from search.pages.page import Picture
    from search.pipeline import PersonSearch
    from search.query.results import RankedSightings


@dataclass(frozen=True)
class Probe:
    """The person looked for.

    Args:
        crop: A picture that shows the person alone; several pictures of the same person may be given: a.jpg,b.jpg.
        frame: A whole frame that shows the person.
        box: Where the person is in that frame: x1,y1,x2,y2 in pixels.
        combine: How several pictures count: mean compares each sighting with their average, max compares it with the
            picture that is most like it.
        include_own_frame: Show also the sightings in --frame itself, if it is in the gallery. The person looked for
            then comes first, found in their own frame.
        max_pixels: A picture with more pixels than this is refused, so that a small file cannot fill the memory.
    """

    crop: list[Path] | None = None
    frame: Path | None = None
    box: tuple[float, float, float, float] | None = None
    combine: Literal["mean", "max"] = "mean"
    include_own_frame: bool = False
    max_pixels: int = MOST_PIXELS

    def require_one(self) -> None:
        """Refuse options that give neither a picture of the person nor a frame with a box, or that give both."""
        if (self.crop is None) == (self.frame is None) or (self.frame is None) != (self.box is None):
            raise ValueError(
                "it is unclear whom to look for, expected either --crop PICTURE or --frame PICTURE --box x1,y1,x2,y2"
            )


@dataclass(frozen=True)
class Choice:
    """Which sightings are shown, and how many.

    Args:
        limit: Show at most this many sightings, 1 or more.
        camera: Only sightings of these cameras: 1,4.
        after: Only sightings at this time or later: a date and time such as 2024-05-01T08:30, or seconds from the start
            of the recording.
        before: Only sightings earlier than this time.
        time_zone: The zone in which times are typed and shown, such as Europe/Berlin. By default times are shown in the
            zone of each camera, and typed in the one that all cameras share, where a cameras file says it. Otherwise it
            is the zone of this machine.
        minimum_similarity: Only sightings at least this similar, up to 1; raising it gives fewer and surer answers. The
            similarity counts, also where --rerank or --context order the sightings by another score.
    """

    limit: int = 20
    camera: list[str] | None = None
    after: str | None = None
    before: str | None = None
    time_zone: str | None = None
    minimum_similarity: float | None = None

    def zones(self, gallery: Path) -> "ClockZones":
        """The time zones of a gallery's times."""
        from search.gallery.description import read_description
        from search.gallery.sightings import ClockZones

        return ClockZones.known(read_description(gallery).cameras, self.time_zone)

    def filters(self, own_frame: Path | None, zones: "ClockZones") -> "Filters":
        """The choice as the library takes it; sightings in the picture file `own_frame` are left out of the answer."""
        from search.gallery.filters import Filters

        after, before = (
            None if text is None else parse_time(text, option, zones.zone())
            for text, option in ((self.after, "--after"), (self.before, "--before"))
        )
        return Filters(self.camera, after, before, self.minimum_similarity, self.limit, exclude_file=own_frame)


def find(
    gallery: Path,
    *,
    model: Path | None = None,
    second_stage: Path | None = None,
    probe: Probe = Probe(),
    choice: Choice = Choice(),
    ranking: Ranking = Ranking(),  # noqa: B008 - frozen
    calibration: Path | None = None,
    files: AnswerFiles = AnswerFiles(),  # noqa: B008 - frozen
) -> Outcome:
    """Show where a person was seen: --crop PICTURE, or --frame PICTURE --box x1,y1,x2,y2.

    The sightings of the gallery come in the order of their similarity to the person. The highest similarity is 1. No
    similarity says by itself that two people are the same. After `personsearch calibrate` the answer begins with a
    verdict, which is match, possible or no confident match. Sightings that are a match or possible say so.

    The gallery knows the models that filled it and where they were then. If they have been moved, --model and
    --second-stage say where they are now.

    Example:
        personsearch find people --crop suspect.jpg --html answer.html

    Args:
        gallery: The gallery's folder, made by `personsearch index`.
        model: Where the joint model of the gallery is now, if its file has been moved. Given alone, it also turns the
            second stage off: a gallery with two stages is then ranked by the joint model alone.
        second_stage: Where the crop model of the gallery is now, if its file has been moved.
        probe: The person looked for.
        choice: Which sightings are shown.
        ranking: How similarities are made and sightings ordered. --rerank and --context order the sightings by a score
            that is no similarity. Verdicts follow the similarity all the same.
        calibration: Judge by this file of `personsearch calibrate`, also where it was made on other cameras than the
            gallery's. The answer then says so. A calibration on rendered footage never judges real footage.
        files: What else the answer is written to.
    """
    from search.pipeline import PersonSearch

    probe.require_one()
    if ranking.context and (ranking.rerank or probe.crop is not None):
        other = "--rerank" if ranking.rerank else "--crop, which shows nobody else"
        raise ValueError(f"--context does not go with {other}; leave one of the two out")
    files.require_files()
    zones = choice.zones(gallery)
    filters = choice.filters(None if probe.include_own_frame else probe.frame, zones)
    search = PersonSearch.from_gallery(gallery, ModelFiles(model, second_stage), calibration=calibration)
    with search.open_gallery(gallery) as store:
        answer, pictures, origin = _answer(search, store, probe, filters, ranking)
        answer = replace(answer, zones=zones)
        used_second = search.second_stage is not None
        models = ModelFiles(search.files.model, search.files.second_stage, store.description.files.detector)
        lines = [*_verdict(answer, store, models, ranking, used_second), answer.to_table()]
        if ranking.class_weighted:
            lines.append("similarities are multiplied by the detector's confidence (--class-weighted)")
        if used_second and ranking.second_weight is None:
            lines += _share(store.description.second_weight, search.models.second_weight)
        note = "; ".join([*filters.words(), *_how(ranking)])
        written, failures = files.write(answer, store, pictures, origin, note)
        lines += written
        if store.embedded_by.second_stage is not None and not used_second:
            lines.append(
                "ranked by the joint model alone; the gallery has a second stage too, --second-stage CROP_MODEL "
                "ranks by both"
            )
        weight = store.description.second_weight
        embedded_by = store.embedded_by if used_second else store.embedded_by.first_stage
    figures = {
        "gallery": gallery,
        "probe": {"crop": [str(path) for path in probe.crop or []], "frame": probe.frame, "box": probe.box},
        "embedded_by": embedded_by.to_dict(),
        "filters": filters.to_dict(),
        "ranking": ranking.with_share(weight).to_dict(),
        **answer.to_dict(),
    }
    return Outcome("\n".join(lines), figures, failures)


def _answer(
    search: "PersonSearch", store: "Gallery", probe: Probe, filters: "Filters", ranking: Ranking
) -> "tuple[RankedSightings, list[NDArray[np.uint8]], Picture | None]":
    """The answer, the pictures of the person, and the frame that they are from."""
    from datasets.boxes import cut
    from datasets.images import read_image
    from search.pages.page import MarkedBox, Picture

    if probe.frame is None or probe.box is None:
        pictures = [read_image(path, max_pixels=probe.max_pixels) for path in probe.crop or []]
        answer = search.find(store, crop=pictures, combine=probe.combine, filters=filters, ranking=ranking)
        return answer, pictures, None
    frame = read_image(probe.frame, max_pixels=probe.max_pixels)
    answer = search.find(store, frame=frame, box=probe.box, filters=filters, ranking=ranking)
    return answer, [cut(frame, probe.box)], Picture(frame, probe.frame.name, [MarkedBox(probe.box, "probe")])


def _share(noted: float | None, beside: float | None) -> list[str]:
    """Which share of the second stage counted, where nobody gave one and one was learned.

    Args:
        noted: The share that the gallery notes.
        beside: The share that lies beside the joint model today.
    """
    if noted is not None:
        return [f"the second stage counts {noted:g} of the similarity, as was learned for the two models"]
    if beside is not None:
        return [
            f"a share of {beside:g} was learned for the two models after this gallery was made; --second-weight "
            f"{beside:g} uses it"
        ]
    return []


def _how(ranking: Ranking) -> list[str]:
    """What the page says about the ranking, where it is not the usual one."""
    said = {
        "similarities multiplied by the detector's confidence": ranking.class_weighted,
        "re-ranked by shared neighbors, so a score is no similarity": ranking.rerank,
        "matched with their company, so a score is that of the most similar person in it": ranking.context,
    }
    return [text for text, holds in said.items() if holds]


def _verdict(
    answer: "RankedSightings", store: "Gallery", files: ModelFiles, ranking: Ranking, used_second: bool
) -> list[str]:
    """The lines that say whether the person is there, or how to get such a verdict."""
    if answer.verdict is not None:
        verdict = answer.verdict
        return [verdict.headline(), verdict.meaning(), *(f"but {doubt}" for doubt in verdict.doubts()), ""]
    if not answer.no_verdict:
        return []
    from search.models.shipped import is_usual

    by, usual = store.embedded_by, is_usual(files)
    second = files.second_stage if used_second or files.model is None else None
    options = [f"--model {files.model}"] if files.model is not None and not usual else []
    options += [f"--second-stage {second}"] if second is not None and not usual else []
    options += [f"--detector {files.detector or 'DETECTOR'}"] if files.model is None and not usual else []
    options += ["--mirrored"] if by.mirrored else []
    if used_second and ranking.second_weight is not None:
        options.append(f"--second-weight {ranking.second_weight:g}")
    if by.tracklet_blend is not None:
        from search.tracks.settings import TrackletAveraging

        own_blend = by.tracklet_blend != TrackletAveraging.blend
        options += ["--tracklets", *([f"--tracklet-blend {by.tracklet_blend:g}"] if own_blend else [])]
    options += ["--class-weighted"] if ranking.class_weighted else []
    remedy = f"`{' '.join(['personsearch calibrate LABELLED_DATA', *options])}`"
    if by.tracklet_blend is None and not ranking.class_weighted:
        weight = [one for one in options if one.startswith("--second-weight")]
        own = " ".join(["personsearch calibrate --from-gallery", str(store.path), *weight])
        remedy = f"`{own}` learns one without labels, {remedy}"
    return [f"no verdict, the similarity only orders the sightings: {answer.no_verdict}; {remedy} makes one", ""]
