"""The models of a search, loaded and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from detection.model import PeopleFinder, PersonModel
from detection.runtime.running import loader_of, running
from reid.crops.model import CropModel
from reid.crops.sphere_reid import SphereReID
from reid.runtime.computing import Computing
from reid.runtime.crops import running_crops
from reid.runtime.settings import BY_TORCH, Inference
from search.models.detector_and_crops import CropPersonSearch, load_detector
from search.models.learned_share import LearnedShare, share_of
from search.models.model_files import ModelFiles


@dataclass(frozen=True, eq=False)
class SearchModels:
    """The models of a search, loaded.

    Args:
        first: Finds people and embeds them.
        second: Embeds the same people again, None without a second stage.
        share: How much the second stage should count, where that was learned for these two models.
        computing: For each loaded model, by its name in words, what computes it.
    """

    first: PersonModel
    second: CropModel | None = None
    share: LearnedShare | None = None
    computing: Mapping[str, Computing] = field(default_factory=dict)

    @property
    def second_weight(self) -> float | None:
        """The share of the second stage that was learned for these models, None where none was."""
        return None if self.share is None else self.share.second_weight

    @property
    def stages(self) -> list[PersonModel]:
        """What embeds people: the first stage, and the second where there is one."""
        return [self.first] if self.second is None else [self.first, CropPersonSearch(None, self.second)]


def open_models(
    files: ModelFiles,
    *,
    score_threshold: float = 0.0,
    finds_people: bool = True,
    device: str = "auto",
    inference: Inference = BY_TORCH,
) -> SearchModels:
    """Load the models of a search.

    Args:
        files: Where they are.
        score_threshold: People found with less confidence are left out; by a detector they are not embedded. 0 takes
            everybody that the model returns.
        finds_people: Whether people must be found in frames; without, a crop model needs no detector.
        device: Where the networks run; "auto" is the GPU when there is one.
        inference: Which library computes the networks, and how precisely.

    Raises:
        ValueError: The files make no search, a file holds another kind of model, the threshold is below the one at
            which the model itself stops, the file of the learned shares is damaged, or the library is not installed.
        ConnectionError, FileNotFoundError: A file is missing or cannot be downloaded.
    """
    files.require_usable(finds_people=finds_people)
    where = None if device == "auto" else device
    crops = None
    computing: dict[str, Computing] = {}
    if files.second_stage is not None:
        loaded = SphereReID.from_checkpoint(files.second_stage, device=where)
        crops, computing["crop model"] = running_crops(loaded, inference)
    if files.model is not None:
        load = loader_of(files.model)
        joint, by = running(files.model, load(files.model, device=where), inference)
        require_threshold(score_threshold, joint)
        share = None if crops is None else share_of(files, joint.fingerprint(), crops.fingerprint())
        return SearchModels(joint, crops, share, {"joint model": by, **computing})
    assert crops is not None
    detector = None
    if files.detector is not None:
        detector, by = load_detector(files.detector, inference, device=where)
        computing = {"detector": by, **computing}
    return SearchModels(CropPersonSearch(detector, crops, score_threshold=score_threshold), computing=computing)


def require_threshold(threshold: float, model: PeopleFinder) -> None:
    """Refuse a score threshold that is no confidence, or below the one at which the model itself stops.

    Raises:
        ValueError: It is not in the model's range; 0 is, it takes everybody that the model returns.
    """
    least = model.least_confidence
    if threshold != 0 and not least <= threshold <= 1:
        raise ValueError(
            f"score threshold {threshold:g}, expected {least:g} to 1: below {least:g} the model returns nobody"
        )
