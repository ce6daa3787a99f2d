"""A thin predictor in front of the joint model: index footage into a gallery, look for a person in it.

search = PersonSearch.from_checkpoint("model.safetensors")
with search.open_gallery("people", create=True) as gallery:
    search.index("footage", gallery)
for sighting in search.find(gallery, crop=picture):
    ...
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from datasets.footage.reading import Reading
from datasets.images import as_tensor
from datasets.samples import Camera
from datasets.storage.places import place
from detection.detections import Detections
from detection.model import PersonModel
from detection.settings import LEAST_CONFIDENCE
from reid.crops.model import CropModel
from reid.devices import default_device
from reid.runtime.computing import Computing
from reid.runtime.settings import BY_TORCH, Inference
from search.gallery.description import GalleryDescription, read_description, require_same_models
from search.gallery.filters import Filters
from search.gallery.gallery import Gallery
from search.gallery.noted_models import files_for
from search.gallery.sightings import Sighting
from search.indexing import IndexSummary, Look, index_source
from search.models.embedded_by import EmbeddedBy
from search.models.learned_share import LearnedShare
from search.models.mirrored import MirroredModel
from search.models.model_files import ModelFiles
from search.models.opening import SearchModels, open_models
from search.models.probes import embed_box, embed_crops
from search.models.second_look import embed_boxes
from search.query.calibration_files import StoredCalibrations, named_calibrations, stored_calibrations
from search.query.context import ContextSize, company_of
from search.query.judging import judged_answer
from search.query.rank import EmbeddedProbe
from search.query.ranking import Ranking
from search.query.results import RankedSightings
from search.shown import Shown, person_shown, probe_of
from search.tracks.settings import TrackletAveraging

Image = NDArray[np.uint8]


class PersonSearch:
    """Finds a person in a gallery, and fills galleries from footage. It holds models and settings only.

    Args:
        model: It detects and embeds; it is put into evaluation mode and onto the device.
        second_stage: A crop model that embeds the same boxes again. Its embeddings are stored too, and `find` ranks the
            best candidates anew by both.
        batch_size: The number of frames that go through the network together, 1 or more; more is faster on a GPU and
            takes memory.
        device: Where the networks run; "auto" is the GPU when there is one.
        mirrored: Whether every embedding of the model, of sightings and of probes, is averaged with that of the
            mirrored frame (`search.models.mirrored`). It then matters less which way a person walks, and takes about
            half as long again. Such embeddings are not comparable with others, and galleries say so.
        tracklets: How `index` averages the embeddings of one person's sightings by one camera before they are stored;
            None stores each as it is. Probes are never averaged so. Galleries say it.
        calibrations: What `find` judges by (`search.query.calibration_files`); None gives no verdicts.
        files: Where the models were loaded from, which new galleries note down.
        share: How much the second stage should count, where that was learned for the two models; new galleries note it.

    Raises:
        ValueError: The batch size is not positive, or a crop model alone is to be mirrored.
    """

    def __init__(
        self,
        model: PersonModel,
        *,
        second_stage: CropModel | None = None,
        batch_size: int = 4,
        device: str | torch.device = "auto",
        mirrored: bool = False,
        tracklets: TrackletAveraging | None = None,
        calibrations: StoredCalibrations | None = None,
        files: ModelFiles | None = None,
        share: LearnedShare | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch size {batch_size}, expected at least 1")
        if mirrored and not model.sees_surroundings:
            raise ValueError("a crop model averages mirrored views by itself, whole frames need not be; leave it out")
        where = default_device() if device == "auto" else torch.device(device)
        for network in (model, second_stage):
            if network is not None:
                network.to(where).eval()
        self.model = model
        self.second_stage = second_stage
        self.batch_size = batch_size
        self.tracklets = tracklets
        self.seen_by: PersonModel = MirroredModel(model) if mirrored else model
        self.calibrations = calibrations
        self.files = files or ModelFiles()
        self.share = share
        self.computing: Mapping[str, Computing] = {}  # model in words -> what computes it, where `from_files` knows it
        second = None if second_stage is None else second_stage.fingerprint()
        blend = None if tracklets is None else tracklets.blend
        self.embedded_by = EmbeddedBy(model.fingerprint(), second, mirrored, blend)

    @classmethod
    def from_checkpoint(cls, path: str | Path, *, second_stage: str | Path | None = None, **options: Any) -> Self:
        """The predictor of a model file, of a crop model's file, and of the calibrations beside the model.

        Args:
            path: model.safetensors of a run of `train joint`, or its folder.
            second_stage: model.safetensors of a run of `train crop`, or its folder; None without a second stage.
            **options: batch_size, device, mirrored and tracklets as for `PersonSearch`.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file is not a joint model of this project, or the second stage no crop model.
        """
        return cls.from_files(ModelFiles(Path(path), None if second_stage is None else Path(second_stage)), **options)

    @classmethod
    def from_files(
        cls,
        files: ModelFiles,
        *,
        score_threshold: float = 0.0,
        finds_people: bool = True,
        calibration: Path | None = None,
        inference: Inference = BY_TORCH,
        **options: Any,
    ) -> Self:
        """The predictor of some model files, and of the calibrations beside them.

        Args:
            files: Where the models are.
            score_threshold: People found with less confidence are left out, see `search.models.opening.open_models`.
            finds_people: Whether people must be found in frames; without, a crop model needs no detector.
            calibration: The file of the calibrations, for footage of other cameras too; None takes the file beside the
                models.
            inference: Which library computes the networks, and how precisely; without it torch does as it is used to.
            **options: batch_size, device, mirrored and tracklets as for `PersonSearch`.

        Raises:
            ValueError: The files make no search, or a file holds another kind of model.
            ConnectionError, FileNotFoundError: A file is missing or cannot be downloaded.
        """
        device = options.get("device", "auto")
        opening: dict[str, Any] = {"finds_people": finds_people, "device": device, "inference": inference}
        models = open_models(files, score_threshold=score_threshold, **opening)
        assert files.owner is not None  # else nothing could be loaded
        near = stored_calibrations(files.owner) if calibration is None else named_calibrations(calibration)
        known: dict[str, Any] = {"calibrations": near, "files": files.absolute(), "share": models.share}
        search = cls(models.first, second_stage=models.second, **known, **options)
        search.computing = models.computing
        return search

    @classmethod
    def from_gallery(
        cls, path: str | Path, files: ModelFiles | None = None, *, finds_people: bool = False, **options: Any
    ) -> Self:
        """The predictor that searches a gallery: the models that it was made with, used as they were used then.

        Args:
            path: The gallery's folder.
            files: Where the models are today; where nothing is named the gallery's own note is followed. A joint model
                alone searches by the first stage alone.
            finds_people: Whether people shall be found in pictures too. A gallery of a crop model alone then needs the
                detector that `files` names or the gallery notes; where there is none, `detect` refuses.
            **options: batch_size and device as for `PersonSearch`, calibration and inference as for `from_files`.

        Raises:
            FileNotFoundError: There is no gallery, or a model is not where it was.
            ValueError: The gallery does not say where its models are, or the models are others.
        """
        path, named = place(path), files or ModelFiles()
        described = read_description(path)
        chosen = files_for(path, described, named)
        if finds_people and chosen.model is None:  # a crop model alone: something else finds the people
            chosen = ModelFiles(None, chosen.second_stage, named.detector or described.files.detector)
        finds = chosen.model is not None or chosen.detector is not None
        mirrored = described.embedded_by.mirrored
        search = cls.from_files(chosen, finds_people=finds, mirrored=mirrored, **options)
        require_same_models(path, described, search.description, reading=True)
        return search

    @property
    def models(self) -> SearchModels:
        """The models as they embed sightings and probes, the first mirrored where it is."""
        return SearchModels(self.seen_by, self.second_stage, self.share)

    @property
    def description(self) -> GalleryDescription:
        """What a gallery of these models holds."""
        second = None if self.second_stage is None else self.second_stage.embedding_dim
        weight = self.models.second_weight
        return GalleryDescription(self.model.embedding_dim, self.embedded_by, second, self.files, second_weight=weight)

    def open_gallery(self, path: str | Path, *, create: bool = False) -> Gallery:
        """The gallery at a path, checked to be of these models; with `create` it is made where there is none.

        With `create`, for indexing, second stage and averaging must be the gallery's; without they may be left out.

        Raises:
            FileNotFoundError: No gallery is there, and `create` is off.
            ValueError: The gallery is of another model or second stage.
        """
        return Gallery.open_or_create(path, self.description) if create else Gallery.open(path, self.description)

    @torch.no_grad()
    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """Everybody in each image, on the processor.

        Args:
            images: (H, W, 3) uint8 RGB each.
        """
        where = getattr(self.model, "device", None)  # a detector beside a crop model needs the pictures here as well
        return [one.to("cpu") for one in self.seen_by.detect([as_tensor(image, where) for image in images])]

    def index(
        self,
        source: str | Path,
        gallery: Gallery,
        *,
        every_seconds: float = 1.0,
        camera: Camera | None = None,
        start_time: float | None = None,
        reading: Reading | None = None,
        minimum_confidence: float = LEAST_CONFIDENCE,
        on_progress: Callable[[IndexSummary], None] | None = None,
    ) -> IndexSummary:
        """Find the people in footage and add them to a gallery; what is in it already is passed over.

        Frames are decoded in the background. Whatever ends this early (an error, Ctrl-C), what was found until then
        is written; running it again goes on from there. With `tracklets` frames wait for later sightings of the same
        people before they are written (`search.tracks.averaging`); then, too, an interruption loses none.

        Args:
            source: as for `frames_from_source`: an image, folder, JSON of the custom layout, video or stream.
            gallery: made with this model.
            every_seconds: the distance of two frames of a video; smaller sees more and takes longer.
            camera: The camera of all frames, in place of what the source tells.
            start_time: seconds since the epoch of the first frame, where the source does not tell.
            reading: All settings of reading at once, in place of the three before, which are then refused: also the
                largest picture, and for how long a broken stream is tried again.
            minimum_confidence: people found with less confidence are not kept; lowering it finds more of them, and
                more that are none.
            on_progress: called after each batch with the figures so far.

        Returns:
            Counts, and (name, reason) of each item that could not be read.

        Raises:
            FileNotFoundError: the source does not exist.
            ValueError: not a single frame could be read, the gallery is of another model or second stage or averaged
                otherwise, the threshold is not in [0, 1], or settings of reading are given twice.
            OSError: the gallery cannot be written.
        """
        single = Reading(every_seconds, camera, start_time)
        if reading is not None and single != Reading():
            raise ValueError("reading is given beside every_seconds, camera or start_time; give all of them in reading")
        look, reading = self.looking(gallery, minimum_confidence), reading or single
        options: dict[str, Any] = {"batch_size": self.batch_size, "averaging": self.tracklets}
        return index_source(source, gallery, look, reading=reading, on_progress=on_progress, **options)

    def looking(self, gallery: Gallery, minimum_confidence: float = LEAST_CONFIDENCE) -> Look:
        """Give the function that finds and embeds the people of some images, as `index_sources` takes it.

        Args:
            gallery: As for `index`; it is checked.
            minimum_confidence: As for `index`.

        Raises:
            ValueError: The gallery is of another model, or the threshold is not in [0, 1].
        """
        require_same_models(gallery.path, gallery.description, self.description, reading=False)
        return self.people_of(minimum_confidence)

    def people_of(self, minimum_confidence: float = LEAST_CONFIDENCE) -> Look:
        """Give the function that finds and embeds the people of some images; no gallery is asked.

        Args:
            minimum_confidence: As for `index`.

        Raises:
            ValueError: The threshold is not in [0, 1].
        """
        if not 0 <= minimum_confidence <= 1:
            raise ValueError(f"minimum confidence {minimum_confidence}, expected 0 to 1")

        def look(images: Sequence[Image]) -> list[tuple[Detections, Tensor | None]]:
            seen = [found[found.scores >= minimum_confidence] for found in self.detect(images)]
            return list(zip(seen, self._look_again(images, seen), strict=True))

        return look

    def _look_again(self, images: Sequence[Image], found: Sequence[Detections]) -> Sequence[Tensor | None]:
        """(N_i, E) embeddings of the second stage for each image; None without one."""
        if self.second_stage is None:
            return [None] * len(images)
        return embed_boxes(self.second_stage, images, [one.boxes for one in found])

    def embed_crop(self, image: Image) -> Tensor:
        """The embedding (D,) of a picture that shows one person, see `embed_crops`."""
        return self.embed_crops([image])[0]

    def embed_crops(self, images: Sequence[Image]) -> Tensor:
        """(N, D) embeddings of pictures (H, W, 3) uint8 RGB that show one person each, see `search.models.probes`."""
        return embed_crops(self.seen_by, images, self.batch_size)

    def embed_box(self, image: Image, box: ArrayLike) -> Tensor:
        """The embedding (D,) of a person in a frame, float32 of unit length, on the processor.

        Args:
            image: (H, W, 3) uint8 RGB, the whole frame.
            box: x1, y1, x2, y2 in its pixels; what lies outside the frame is cut off.

        Raises:
            ValueError: the box is not four numbers, has no area, or lies outside the frame.
        """
        return embed_box(self.seen_by, image, box)

    def find(
        self,
        gallery: Gallery,
        *,
        crop: Image | Sequence[Image] | None = None,
        frame: Image | Sequence[Image] | None = None,
        box: ArrayLike | Sequence[ArrayLike] | None = None,
        like: Sequence[Sighting] = (),
        others: Shown | None = None,
        combine: str = "mean",
        filters: Filters | None = None,
        ranking: Ranking | None = None,
    ) -> RankedSightings:
        """Look for a person: by up to ten pictures, boxes in frames, and sightings of the gallery.

        With a second stage the best candidates of the model are ranked anew by both. Where this similarity is
        calibrated, the answer says how far the best sighting is to be trusted: match, possible or no confident match
        (`RankedSightings.verdict`).

        Args:
            gallery: The gallery, made with this model, and with its second stage where there is one.
            crop: One picture (H, W, 3) uint8 RGB that shows the person alone, or several of the same person.
            frame: A whole frame (H, W, 3) uint8 RGB, or several; `box` says where the person is in each.
            box: x1, y1, x2, y2 in the frame's pixels, or a list with one for each frame.
            like: Sightings of the gallery that show the person, for example confirmed ones of an earlier answer.
            others: At most ten pictures and sightings of other people (`search.query.feedback`). Sightings that look
                like them come later, and there is no verdict.
            combine: How several pictures count, "mean" or "max", see `search.query.feedback.Examples`.
            filters: Which sightings may answer, and how many; None is `Filters()`.
            ranking: How similarities are made and answers ordered; None is `Ranking()`, with the gallery's share.

        Raises:
            ValueError: Nobody is shown, context is asked for with anything but one box in a frame, a box lies outside
                its frame, or the gallery is of another model or second stage.
        """
        ranking = (ranking or Ranking()).with_share(gallery.description.second_weight)
        require_same_models(gallery.path, gallery.description, self.description, reading=True)
        person = person_shown(crop, frame, box, like)
        if ranking.context and (len(person) != 1 or not person.boxes):
            raise ValueError("nobody is beside a person in a crop; for context matching give a frame and a box in it")
        probe = probe_of(self.models, gallery, person, others, combine)
        if ranking.context:
            if not self.model.sees_surroundings:
                raise ValueError(
                    "--context needs the people beside the box, and a crop model finds nobody; leave it out"
                )
            ((image, at),) = person.boxes
            (found,) = self.detect([image])
            looks: Any = (probe.embeddings, probe.second_embeddings)
            company = company_of(image, at, found, looks, ContextSize(), self.second_stage)
            probe = replace(probe, company=company)
        # A crop model sees a box in a frame and its crop alike.
        kind = None if not self.model.sees_surroundings else "crop" if person.crops else "box"
        return self.find_embedded(gallery, probe, len(person), kind, filters, ranking)

    def find_embedded(
        self,
        gallery: Gallery,
        probe: EmbeddedProbe,
        pictures: int,
        probe_kind: str | None = "box",
        filters: Filters | None = None,
        ranking: Ranking | None = None,
    ) -> RankedSightings:
        """As `find`, for a person whose embeddings are there already; arguments as of `judged_answer`.

        Raises:
            ValueError: The embeddings have another width than the gallery's, or a filter cannot be met.
        """
        asked = (probe, filters, ranking or Ranking(), self.calibrations)
        return judged_answer(gallery, *asked, pictures=pictures, probe_kind=probe_kind)
