"""A thin predictor in front of the joint model: index footage into a gallery, look for a person in it.

search = PersonSearch.from_checkpoint("model.safetensors")
with search.open_gallery("people", create=True) as gallery:
    search.index("footage", gallery)
for sighting in search.find(gallery, crop=picture):
    ...
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from datasets.ahead import batches
from datasets.footage.reading import Reading
from datasets.images import as_tensor
from datasets.samples import Camera
from detection.checkpoints import load_model
from detection.detections import Detections
from detection.model import PersonModel
from reid.crops.sphere_reid import SphereReID
from reid.devices import default_device
from search.gallery.description import (
    MIRROR_MARK,
    SecondStage,
    require_model,
    require_second_stage,
    require_tracklets,
    unmirrored,
)
from search.gallery.filters import Filters
from search.gallery.gallery import Gallery
from search.indexing import IndexSummary, index_source
from search.models.mirrored import MirroredModel
from search.models.probes import box_probe
from search.models.second_look import embed_boxes
from search.query.calibration_files import StoredCalibrations, stored_calibrations
from search.query.context import ContextSize, company_of
from search.query.fusion import Ranking
from search.query.rank import EmbeddedProbe, rank_sightings
from search.query.results import RankedSightings
from search.query.verdict import RankedBy
from search.tracks.averaging import TrackletAveraging

Image = NDArray[np.uint8]


class PersonSearch:
    """Model, second stage, device, batch size and whether it looks twice; no other state.

    Args:
        model: detects and embeds; it is put into evaluation mode and onto the device.
        second_stage: a crop model that embeds the same boxes again; its embeddings are stored beside, and `find` ranks
            the best candidates anew by both (`search.models.second_look.Ranking`).
        batch_size: frames that go through the network together; more is faster on a GPU and takes memory.
        device: "auto" is the GPU when there is one.
        model_fingerprint: names the weights in galleries; None is the model's own `fingerprint()`.
        mirrored: average every embedding, of sightings and of probes, with that of the mirrored frame
            (`second_look`): it then matters less which way a person walks, and takes about half as long again.
            Galleries made so are marked, as their embeddings are not comparable with others.
        tracklets: how `index` averages the embeddings of one person's sightings by one camera before they are stored;
            None stores each as it is. Probes are never averaged so. Galleries say it.
        calibrations: what `find` judges by (`search.query.calibration_files`); None gives no verdicts.

    Raises:
        ValueError: the batch size is not positive.
    """

    def __init__(
        self,
        model: PersonModel,
        *,
        second_stage: SphereReID | None = None,
        batch_size: int = 4,
        device: str | torch.device = "auto",
        model_fingerprint: str | None = None,
        mirrored: bool = False,
        tracklets: TrackletAveraging | None = None,
        calibrations: StoredCalibrations | None = None,
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
        self.mirrored = mirrored
        self.tracklets = tracklets
        self.seen_by: PersonModel = MirroredModel(model) if mirrored else model
        self.calibrations = calibrations
        self.model_fingerprint = unmirrored(model_fingerprint or model.fingerprint()) + (
            MIRROR_MARK if mirrored else ""
        )
        self._second: SecondStage | None = None
        if second_stage is not None:
            self._second = SecondStage(second_stage.embedding_dim, second_stage.fingerprint())

    @classmethod
    def from_checkpoint(
        cls,
        path: str | Path,
        *,
        second_stage: str | Path | None = None,
        batch_size: int = 4,
        device: str | torch.device = "auto",
        mirrored: bool = False,
    ) -> Self:
        """The predictor of a model file, of a crop model's file, and of the calibrations beside the model.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not a joint model of this project, or the second stage no crop model.
        """
        where = None if device == "auto" else device
        crops = None if second_stage is None else SphereReID.from_checkpoint(second_stage, device=where)
        model = load_model(path, device=where)
        near = stored_calibrations(path)
        return cls(
            model, second_stage=crops, batch_size=batch_size, device=device, mirrored=mirrored, calibrations=near
        )

    def open_gallery(self, path: str | Path, *, create: bool = False) -> Gallery:
        """The gallery at a path, checked to be of these models; with `create` it is made where there is none.

        With `create`, for indexing, second stage and averaging must be the gallery's; without they may be left out.

        Raises:
            FileNotFoundError: no gallery there, and `create` is off.
            ValueError: a gallery of another model or second stage.
        """
        dim, made_by = self.model.embedding_dim, self.model_fingerprint
        if create:
            blend = self._tracklet_blend
            return Gallery.open_or_create(
                path, embedding_dim=dim, model_fingerprint=made_by, second_stage=self._second, tracklet_blend=blend
            )
        gallery = Gallery.open(path, embedding_dim=dim, model_fingerprint=made_by)
        self._require_own(gallery, reading=True)
        return gallery

    @torch.no_grad()
    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """Everybody in each image, on the processor.

        Args:
            images: (H, W, 3) uint8 RGB each.
        """
        return [one.to("cpu") for one in self.seen_by.detect([as_tensor(image) for image in images])]

    def index(
        self,
        source: str | Path,
        gallery: Gallery,
        *,
        every_seconds: float = 1.0,
        camera: Camera | None = None,
        start_time: float | None = None,
        reading: Reading | None = None,
        detection_threshold: float = 0.5,
        on_progress: Callable[[IndexSummary], None] | None = None,
    ) -> IndexSummary:
        """Find everybody in footage and add them to a gallery; what is in it already is passed over.

        Frames are decoded in the background. Whatever ends this early (an error, Ctrl-C), what was found until then
        is written; running it again goes on from there. With `tracklets` frames wait for later sightings of the same
        people before they are written (`search.tracks.averaging`); then, too, an interruption loses none.

        Args:
            source: as for `frames_from_source`: an image, folder, JSON of the custom layout, video or
                stream.
            gallery: made with this model.
            every_seconds: the distance of two frames of a video; smaller sees more and takes longer.
            camera: of all frames, instead of what the source tells.
            start_time: seconds since the epoch of the first frame, where the source does not tell.
            reading: All settings of reading at once, in place of the three before: also the largest picture, and for
                how long a broken stream is tried again.
            detection_threshold: people found with less confidence are not kept; lowering it finds more of them, and
                more that are none.
            on_progress: called after each batch with the figures so far.

        Returns:
            Counts, and (name, reason) of each item that could not be read.

        Raises:
            FileNotFoundError: the source does not exist.
            ValueError: not a single frame could be read, the gallery is of another model or second stage or averaged
                otherwise, or the threshold is not in [0, 1].
            OSError: the gallery cannot be written.
        """
        if not 0 <= detection_threshold <= 1:
            raise ValueError(f"detection threshold {detection_threshold}, expected a confidence from 0 to 1")
        self._require_own(gallery, reading=False)

        def look(images: Sequence[Image]) -> list[tuple[Detections, Tensor | None]]:
            seen = [found[found.scores >= detection_threshold] for found in self.detect(images)]
            return list(zip(seen, self._look_again(images, seen), strict=True))

        return index_source(
            source,
            gallery,
            look,
            batch_size=self.batch_size,
            averaging=self.tracklets,
            reading=reading or Reading(every_seconds, camera, start_time),
            on_progress=on_progress,
        )

    @property
    def _tracklet_blend(self) -> float | None:
        return None if self.tracklets is None else self.tracklets.blend

    def _look_again(self, images: Sequence[Image], found: Sequence[Detections]) -> Sequence[Tensor | None]:
        """(N_i, E) embeddings of the second stage for each image; None without one."""
        if self.second_stage is None:
            return [None] * len(images)
        return embed_boxes(self.second_stage, images, [one.boxes for one in found])

    def embed_crop(self, image: Image) -> Tensor:
        """The embedding (D,) of a picture that shows one person, see `embed_crops`."""
        return self.embed_crops([image])[0]

    @torch.no_grad()
    def embed_crops(self, images: Sequence[Image]) -> Tensor:
        """Embeddings of pictures that show one person each.

        A joint model knows people in frames, so each picture is placed in the middle of a canvas (`on_canvas`) and its
        area is the box; a crop model takes it as it is.

        Args:
            images: (H, W, 3) uint8 RGB each, any size.

        Returns:
            (N, D) float32 of unit length, on the processor.

        Raises:
            ValueError: a picture without pixels.
        """
        embeddings = [torch.zeros(0, self.model.embedding_dim)]
        for batch in batches(images, self.batch_size):
            placed = [self.model.view(image) for image in batch]
            embeddings += self._embed(
                [as_tensor(canvas) for canvas, _ in placed],
                [torch.from_numpy(box)[None] for _, box in placed],
            )
        return torch.cat(embeddings)

    @torch.no_grad()
    def embed_box(self, image: Image, box: ArrayLike) -> Tensor:
        """The embedding (D,) of a person in a frame, float32 of unit length, on the processor.

        Args:
            image: (H, W, 3) uint8 RGB, the whole frame.
            box: x1, y1, x2, y2 in its pixels; what lies outside the frame is cut off.

        Raises:
            ValueError: the box is not four numbers, has no area, or lies outside the frame.
        """
        rows = torch.from_numpy(box_probe(image, box))[None]
        return self._embed([as_tensor(image)], [rows])[0][0]

    def _embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        """(N_i, D) of boxes (N_i, 4) on the processor, as `detect` embeds them."""
        return [row.cpu() for row in self.seen_by.embed(images, boxes)]

    def find(
        self,
        gallery: Gallery,
        *,
        crop: Image | Sequence[Image] | None = None,
        frame: Image | None = None,
        box: ArrayLike | None = None,
        combine: str = "mean",
        filters: Filters | None = None,
        ranking: Ranking | None = None,
    ) -> RankedSightings:
        """Look for a person: by one or several pictures of the person, or by a box in a frame.

        With a second stage the best candidates of the model are ranked anew by both. Where this similarity is
        calibrated, the answer says whether the person is there (`RankedSightings.verdict`).

        Args:
            gallery: The gallery, made with this model, and with its second stage where there is one.
            crop: One picture (H, W, 3) uint8 RGB that shows the person alone, or several of the same person.
            frame: A whole frame (H, W, 3) uint8 RGB; `box` says where the person is in it.
            box: x1, y1, x2, y2 in the frame's pixels.
            combine: How several pictures count, "mean" or "max", see `EmbeddedProbe`.
            filters: Which sightings may answer, and how many; None is `Filters()`.
            ranking: How similarities are made and answers ordered; None is `Ranking()`.

        Raises:
            ValueError: There is not exactly one kind of probe, context is asked for with a crop, the box lies outside
                the frame, or the gallery is of another model or second stage.
        """
        ranking = ranking or Ranking()
        self._require_own(gallery, reading=True)
        if (crop is None) == (frame is None) or (frame is None) != (box is None):
            raise ValueError("a probe is either a crop, or a frame and a box in it; give exactly one of the two")
        if ranking.context and frame is None:
            raise ValueError("nobody is beside a person in a crop; for context matching give a frame and a box in it")
        second, company = None, None
        if frame is not None and box is not None:
            probe = self.embed_box(frame, box)[None]
            if self.second_stage is not None:
                second = embed_boxes(self.second_stage, [frame], [torch.from_numpy(box_probe(frame, box))[None]])[0]
            if ranking.context:
                (found,) = self.detect([frame])
                company = company_of(frame, box, found, (probe, second), ContextSize(), self.second_stage)
        else:
            crops = [crop] if isinstance(crop, np.ndarray) else list(crop or [])
            probe = self.embed_crops(crops)
            if self.second_stage is not None:
                second = self.second_stage.embed(crops)
        answer = rank_sightings(gallery, EmbeddedProbe(probe, second, combine, company), filters, ranking)
        if self.calibrations is None:
            return answer
        blend = gallery.description.tracklet_blend
        by = self.ranked_by(
            ranking.second_weight,
            gallery.model_fingerprint,
            tracklet_blend=blend,
            class_weighted=ranking.class_weighted,
        )
        # A crop model sees a box in a frame and its crop alike.
        kind = None if not self.model.sees_surroundings else "box" if crop is None else "crop"
        return self.calibrations.judged(answer, by, probe_kind=kind, pictures=len(probe), combine=combine)

    def ranked_by(
        self,
        second_weight: float | None = None,
        gallery_fingerprint: str | None = None,
        *,
        tracklet_blend: float | None = None,
        class_weighted: bool = False,
    ) -> RankedBy:
        """Whose similarity `find` ranks by: what a calibration must be of.

        Args:
            second_weight: share of the second stage, which takes part where there is one.
            gallery_fingerprint: of the gallery's embeddings; None for those of this model.
            tracklet_blend: of the gallery's embeddings, see `GalleryDescription`.
            class_weighted: whether similarities are multiplied by the detections' confidence.
        """
        made_by = gallery_fingerprint or self.model_fingerprint
        if self._second is None:
            return RankedBy(made_by, tracklet_blend=tracklet_blend, class_weighted=class_weighted)
        return RankedBy(made_by, self._second.fingerprint, second_weight, tracklet_blend, class_weighted)

    def _require_own(self, gallery: Gallery, *, reading: bool) -> None:
        """Refuse a gallery of other models; the second stage may be left out where a gallery is only read."""
        require_model(gallery.path, gallery.description, self.model.embedding_dim, self.model_fingerprint)
        require_second_stage(gallery.path, gallery.description, self._second, optional=reading)
        if not reading:
            require_tracklets(gallery.path, gallery.description, self._tracklet_blend)
