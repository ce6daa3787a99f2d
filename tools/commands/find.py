"""personsearch find: rank the gallery's sightings of one person."""

import dataclasses
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from datasets.images import MOST_PIXELS
from reid.runtime.settings import Inference, PrecisionName, RuntimeName
from search.models.model_files import ModelFiles
from search.query.ranking import Ranking
from tools.commands.find_files import AnswerFiles
from tools.installation import loading
from tools.outcome import Outcome, counted
from tools.progress import say
from tools.search_options import OnCluster
from tools.times import times_asked_for

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from search.gallery.filters import Filters
    from search.gallery.gallery import Gallery
    from search.pages.page import Picture
    from search.pipeline import PersonSearch
    from search.query.asked_times import AskedTimes
    from search.query.results import RankedSightings


MOST_OWN = 20
"""So many of the best sightings are compared with the pixels of the frame that shows the person."""
JOINT_ALONE = (
    "ranked by the joint model alone; the gallery has a second stage too, --second-stage CROP_MODEL ranks by both"
)
"""What is said where --model alone leaves a gallery's second stage out."""


@dataclass(frozen=True)
class Probe:
    """The person looked for, by up to ten pictures.

    Args:
        crop: A picture that shows the person alone; several pictures of the same person may be given: a.jpg,b.jpg.
        frame: A whole frame that shows the person: a picture file, a moment of a video (gate.mp4#t=76), or a frame of
            the gallery, named as in the column "frame" of an answer. Several are given as a.jpg,b.jpg.
        box: Where the person is in that frame: x1,y1,x2,y2 in pixels. The boxes of several frames follow one another,
            four numbers for each.
        like: A sighting of the gallery that shows the person: its frame, named as in the column "frame" of an answer,
            such as gate.mp4#t=000076.000. If several people are in that frame, # and the number of the person come
            after it: gate.mp4#t=000076.000#1. Without the number the command lists them. Several sightings are
            separated by commas.
        not_crop: Pictures of people who are somebody else. Sightings that look like them come later, and there is no
            verdict. Together with --not-like at most ten may be given.
        not_like: Sightings of the gallery that show somebody else, named as for --like. They are not shown again,
            sightings that look like them come later, and there is no verdict.
        combine: How several pictures count. With mean each sighting is compared with the average of the pictures. With
            max it is compared with every picture, and the highest similarity counts.
        include_own_frame: Show also the sightings in the frames that the person is shown in, if they are in the
            gallery. The person looked for then comes first, found in their own frame.
        max_pixels: A picture with more pixels than this is refused, so that a small file cannot fill the memory.
    """

    crop: list[Path] | None = None
    frame: list[Path] | None = None
    box: list[float] | None = None
    like: list[str] | None = None
    not_crop: list[Path] | None = None
    not_like: list[str] | None = None
    combine: Literal["mean", "max"] = "mean"
    include_own_frame: bool = False
    max_pixels: int = MOST_PIXELS

    @property
    def frames(self) -> "list[tuple[Path, tuple[float, ...]]]":
        """Each frame with its box.

        Raises:
            ValueError: There are not four numbers for each frame.
        """
        frames, sides = self.frame or [], self.box or []
        if len(sides) != 4 * len(frames):
            raise ValueError(
                f"--box has {counted(len(sides), 'number')} for {counted(len(frames), 'frame')}, expected four for "
                "each --frame: x1,y1,x2,y2"
            )
        return [(frame, tuple(sides[4 * row : 4 * row + 4])) for row, frame in enumerate(frames)]

    def require_one(self) -> None:
        """Refuse options that show nobody, and a frame without a box or a box without a frame."""
        if not (self.crop or self.frame or self.like) or (self.frame is None) != (self.box is None):
            raise ValueError(
                "it is unclear whom to look for, expected either --crop PICTURE or --frame PICTURE --box x1,y1,x2,y2, "
                "or --like SIGHTING"
            )
        assert self.frames is not None  # asks for the numbers


@dataclass(frozen=True)
class Choice:
    """Which sightings are shown, and how many.

    Args:
        limit: Show at most this many sightings, 1 or more.
        camera: Only sightings of these cameras: 1,4.
        after: Only sightings at this time or later: a date and time such as 2024-05-01T08:30, or a number of seconds.
            The number is Unix time where the gallery has dates, and else counts from the start of the recording.
        before: Only sightings earlier than this time.
        time_zone: The zone in which times are typed and shown, such as Europe/Berlin. By default times are shown in the
            zone of each camera, which is that of this machine where none was noted, and typed in the one that the
            cameras that are asked for share. Where they share none, a typed time must name its zone.
        minimum_similarity: Only sightings at least this similar, up to 1; raising it gives fewer and surer answers. The
            similarity counts, also where --rerank or --context order the sightings by another score.
    """

    limit: int = 20
    camera: list[str] | None = None
    after: str | None = None
    before: str | None = None
    time_zone: str | None = None
    minimum_similarity: float | None = None

    def __post_init__(self) -> None:
        if self.minimum_similarity is not None and not -1 <= self.minimum_similarity <= 1:
            raise ValueError(f"--minimum-similarity {self.minimum_similarity:g}, expected -1 to 1; the highest is 1")

    def times(self, gallery: Path) -> "AskedTimes":
        """The times as seconds, with the zones of the gallery's cameras."""
        return times_asked_for(gallery, self.after, self.before, cameras=self.camera, time_zone=self.time_zone)

    def filters(self, own_frame: Path | None, times: "AskedTimes") -> "Filters":
        """The choice as the library takes it; sightings in the picture file `own_frame` are left out of the answer."""
        from search.gallery.filters import Filters

        similar, limit = self.minimum_similarity, self.limit
        return Filters(self.camera, times.after, times.before, similar, limit, exclude_file=own_frame)


@dataclass(frozen=True)
class GalleryModels:
    """By which models the gallery is searched.

    Args:
        model: Where the joint model of the gallery is now, if its file has been moved. If the gallery has a second
            stage, give --second-stage too. Otherwise the joint model ranks alone, and the answer says so.
        second_stage: Where the crop model of the gallery is now, if its file has been moved.
        calibration: A file that `personsearch calibrate` wrote. Verdicts are taken from it even if it was made on other
            cameras than the gallery's, and the answer then says so. A calibration on rendered footage never judges real
            footage, nor the other way round.
        runtime: What computes the networks: torch, compiled, openvino or onnx, as `index` has them. auto is torch here:
            one picture is looked at before OpenVINO has begun.
        precision: How precisely the networks compute: float32, or bf16 where the processor knows it, as auto does.
    """

    model: Path | None = None
    second_stage: Path | None = None
    calibration: Path | None = None
    runtime: RuntimeName = "auto"
    precision: PrecisionName = "auto"

    def inference(self) -> Inference:
        """What computes the networks, as the library takes it."""
        return Inference("torch" if self.runtime == "auto" else self.runtime, self.precision)


def find(
    gallery: Path,
    *,
    models: GalleryModels = GalleryModels(),
    probe: Probe = Probe(),
    choice: Choice = Choice(),
    ranking: Ranking = Ranking(),  # noqa: B008 - frozen
    files: AnswerFiles = AnswerFiles(),  # noqa: B008 - frozen
    where: OnCluster = OnCluster(),  # noqa: B008 - frozen
) -> Outcome:
    """Show the sightings that look most like a person: --crop PICTURE, or --frame PICTURE --box x1,y1,x2,y2.

    The sightings of the gallery come in the order of their similarity to the person. The highest similarity is 1. No
    similarity says by itself that two people are the same. If `index` learned from the footage how similar strangers
    get, or after `personsearch calibrate`, the answer begins with a verdict: match, possible or no confident match.
    Sightings that are a match or possible say so.

    The gallery knows the models that filled it and where they were then. If they have been moved, --model and
    --second-stage say where they are now.

    Example:
        personsearch find people --crop suspect.jpg --html answer.html

    Args:
        gallery: The gallery's folder, made by `personsearch index`.
        models: By which models the gallery is searched.
        probe: The person looked for.
        choice: Which sightings are shown.
        ranking: How similarities are made and how sightings are ordered. With --rerank or --context a score orders the
            sightings, and verdicts still follow the similarity.
        files: What else the answer is written to.
        where: Where the work is done.
    """
    with loading():
        from reid.runtime.computing import computing_line, computing_to_dict
        from search.gallery.noted_models import finds_people
        from search.pipeline import PersonSearch

    probe.require_one()
    if ranking.context and (ranking.rerank or probe.crop is not None or probe.like is not None):
        alone = "--like" if probe.crop is None else "--crop"
        other = "--rerank" if ranking.rerank else f"{alone}, which shows nobody else"
        raise ValueError(f"--context does not go with {other}; leave one of the two out")
    files.require_files()
    where.require_usable()
    times = choice.times(gallery)
    own = probe.frame[0] if probe.frame and not probe.include_own_frame and probe.frame[0].is_file() else None
    filters = choice.filters(own, times)
    named = ModelFiles(models.model, models.second_stage)
    looks = bool(probe.crop or probe.frame) and finds_people(gallery, named)
    how: dict[str, Any] = {"calibration": models.calibration, "inference": models.inference()}
    search = PersonSearch.from_gallery(gallery, named, finds_people=looks, **how)
    if (models.runtime, models.precision) != ("auto", "auto"):
        say(computing_line(search.computing))
    with search.open_gallery(gallery) as store, where.searching(store, say):
        found = _answer(search, store, probe, filters, ranking)
        notes = [*_hints(found.shows, search.detect if looks else None), *_of_times(store, filters, times)]
        answer, pictures = replace(found.ranked, zones=times.zones), found.pictures
        used_second = search.second_stage is not None
        used = ModelFiles(search.files.model, search.files.second_stage, store.description.files.detector)
        lines = [*_verdict(answer, store, used, ranking, used_second), answer.to_table(), *notes]
        if ranking.class_weighted:
            lines.append("similarities are multiplied by the detector's confidence (--class-weighted)")
        if not used_second and ranking.second_weight is not None:
            lines.append(f"--second-weight {ranking.second_weight:g} changes nothing: no second stage is used here")
        if used_second and ranking.second_weight is None:
            lines += _share(store.description.second_weight, search.models.second_weight)
        note = "; ".join([*filters.words(times.zone), *_how(ranking)])
        written, failures = files.write(answer, store, pictures, found.origin, note)
        lines += written
        if store.embedded_by.second_stage is not None and not used_second:
            lines.append(JOINT_ALONE)
        weight = store.description.second_weight
        embedded_by = store.embedded_by if used_second else store.embedded_by.first_stage
    figures = {
        "gallery": gallery,
        "probe": _shown(probe),
        "embedded_by": embedded_by.to_dict(),
        "filters": filters.to_dict(),
        "times_read": times.said or None,
        "ranking": ranking.with_share(weight).to_dict(),
        "computing": computing_to_dict(search.computing),
        **answer.to_dict(),
    }
    return Outcome("\n".join(lines), figures, failures)


@dataclass(frozen=True)
class _Answer:
    """What was found, and by what.

    Args:
        ranked: What was found.
        pictures: The pictures of the person.
        origin: The frame that they are from where there is a single one.
        shows: The files that showed the person, each with its picture and the box in it, None for all of it.
    """

    ranked: "RankedSightings"
    pictures: "list[NDArray[np.uint8]]"
    origin: "Picture | None"
    shows: "list[tuple[Path, NDArray[np.uint8], tuple[float, ...] | None]]"


def _answer(search: "PersonSearch", store: "Gallery", probe: Probe, filters: "Filters", ranking: Ranking) -> _Answer:
    """Read what shows the person and others, and search; the frames that the person is shown in are left out."""
    from datasets.boxes import cut
    from datasets.images import read_image
    from search.pages.page import MarkedBox, Picture
    from search.query.named import frames_that_show, read_named, sighting_named
    from search.shown import Shown

    crops = [read_image(path, max_pixels=probe.max_pixels) for path in probe.crop or []]
    seen = [(path, *read_named(store, path, max_pixels=probe.max_pixels), box) for path, box in probe.frames]
    like, unlike = ([sighting_named(store, name) for name in names or []] for names in (probe.like, probe.not_like))
    others = Shown([read_image(path, max_pixels=probe.max_pixels) for path in probe.not_crop or []], [], unlike)
    away = tuple((one.source, one.frame, one.index) for one in unlike)
    filters = dataclasses.replace(filters, exclude_sightings=away)
    own = [key for _, _, keys, _ in seen for key in keys] + [(one.source, one.frame) for one in like]
    if not probe.include_own_frame:
        filters = dataclasses.replace(filters, exclude_frames=own)
    shown: dict[str, Any] = {"frame": [image for _, image, _, _ in seen], "box": [box for _, _, _, box in seen]}
    shown |= {"crop": crops, "like": like, "others": others, "combine": probe.combine, "ranking": ranking}
    answer = search.find(store, filters=filters, **shown)
    shows: list[Any] = [(path, image, None) for path, image in zip(probe.crop or [], crops, strict=True)]
    shows += [(path, image, box) for path, image, _, box in seen]
    same = {key: None for _, image, _, _ in seen for key in frames_that_show(store, image, answer[:MOST_OWN])}
    if same and not probe.include_own_frame:
        # A copy of an indexed frame would find itself, whatever its name.
        answer = search.find(store, filters=dataclasses.replace(filters, exclude_frames=[*own, *same]), **shown)
    pictures = [*crops, *(cut(image, box) for _, image, _, box in seen)]
    if len(pictures) + len(like) != 1 or not seen:
        return _Answer(answer, pictures, None, shows)
    path, image, _, box = seen[0]
    return _Answer(answer, pictures, Picture(image, path.name, [MarkedBox(box, "probe")]), shows)


def _hints(shows: "list[Any]", detect: Any) -> list[str]:
    """A line for each thing that makes what shows the person a weak probe."""
    from search.desk.hints import hints_of_probe

    return [f"{path}: {hint.text}" for path, image, box in shows for hint in hints_of_probe(image, box, detect)]


def _of_times(store: "Gallery", filters: "Filters", times: "AskedTimes") -> list[str]:
    """How times without a zone were read, and how many frames a date leaves out because they have none."""
    from search.gallery.sightings import is_clock_time

    said = [times.said] if times.said else []
    if not filters.times or not is_clock_time(max(filters.times)):
        return said
    count = store.frames_without_date()
    if not count:
        return said
    frames = "1 frame of the gallery has" if count == 1 else f"{count} frames of the gallery have"
    return [
        *said,
        f"{frames} no date, and --after and --before leave out what has none; --start-time of index gives it one",
    ]


def _share(noted: float | None, beside: float | None) -> list[str]:
    """Which share of the second stage counted where nobody gave one: the gallery's, or that beside the joint model."""
    if noted is not None:
        return [f"the second stage counts {noted:g} of the similarity, as was learned for the two models"]
    if beside is not None:
        return [
            f"a share of {beside:g} was learned for the two models after this gallery was made; --second-weight "
            f"{beside:g} uses it"
        ]
    return []


def _shown(probe: Probe) -> dict[str, Any]:
    """What showed the person and others, as JSON knows it; a single frame is no list, as in earlier versions."""
    frames, rows = [str(path) for path, _ in probe.frames], [list(box) for _, box in probe.frames]
    single = len(frames) == 1
    return {
        "crop": [str(path) for path in probe.crop or []],
        "frame": frames[0] if single else frames or None,
        "box": rows[0] if single else rows or None,
        "like": probe.like or [],
        "not_crop": [str(path) for path in probe.not_crop or []],
        "not_like": probe.not_like or [],
    }


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
    """The lines of the verdict, or how to get one."""
    if answer.verdict is not None:
        verdict = answer.verdict
        return [verdict.headline(), verdict.meaning(), *(f"but {doubt}" for doubt in verdict.doubts()), ""]
    if not answer.no_verdict:
        return []
    from search.query.feedback import WITH_OTHERS

    if answer.no_verdict == WITH_OTHERS:
        return [f"no verdict, the similarity only orders the sightings: {answer.no_verdict}", ""]
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
    remedy = f"`{' '.join(['personsearch calibrate LABELED_DATA', *options])}`"
    if by.tracklet_blend is None and not ranking.class_weighted:
        weight = [one for one in options if one.startswith("--second-weight")]
        own = " ".join(["personsearch calibrate --from-gallery", str(store.path), *weight])
        remedy = f"`{own}` learns one without labels, {remedy}"
    return [f"no verdict, the similarity only orders the sightings: {answer.no_verdict}; {remedy} makes one", ""]
