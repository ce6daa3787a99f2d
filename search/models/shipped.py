"""The models that come with the packages: a detector, whose people the crop model tells apart."""

from pathlib import Path

from search.models.model_files import ModelFiles
from search.models.noted_paths import is_shipped, weights_folder


def shipped_models() -> ModelFiles:
    """The files of the models that search if nobody names others: a detector that finds people, and a crop model.

    The crop model tells apart whom the detector has found. Both have learned from rendered people, and a card stands
    beside each of them (people.md). If the installation lacks them, it is the joint model of rendered squares.

    Raises:
        FileNotFoundError: The packages are not whole.
    """
    detector, crops = (weights_folder(package) / "people.safetensors" for package in ("detection", "reid"))
    if detector.is_file() and crops.is_file():
        return ModelFiles(second_stage=crops, detector=str(detector))
    square = weights_folder("detection") / "plaza.safetensors"
    if square.is_file():
        return ModelFiles(model=square)
    raise FileNotFoundError(
        f"the models that come with personsearch are missing in {square.parent}; install it again, or give --model"
    )


def shipped_start() -> Path:
    """The file of the joint model that a training starts from where nobody names other weights.

    Raises:
        FileNotFoundError: The packages are not whole.
    """
    shipped = shipped_models()
    return Path(shipped.detector) if shipped.detector is not None else Path(str(shipped.model))


def with_shipped(named: ModelFiles) -> ModelFiles:
    """Files that find people and tell them apart: those that are named, and for what is missing the shipped ones.

    A crop model alone gets the shipped detector, and a detector alone the shipped crop model. A joint model does both.

    Args:
        named: The files that somebody names; none of them has to be there.

    Raises:
        FileNotFoundError: The packages are not whole.
    """
    if named.model is not None or (named.second_stage is not None and named.detector is not None):
        return named
    shipped = shipped_models()
    if named == ModelFiles():
        return shipped
    detector = shipped.detector or str(shipped.model)
    return ModelFiles(None, named.second_stage or shipped.second_stage, named.detector or detector)


def is_usual(files: ModelFiles) -> bool:
    """Whether these are the models that search where nobody names others."""
    return files.owner is not None and is_shipped(files.owner) and files.to_dict() == shipped_models().to_dict()


def said_of(files: ModelFiles) -> str:
    """The models of a search in words, with those marked that come with the packages.

    >>> said_of(ModelFiles(second_stage=Path("runs/market"), detector="coco"))
    'detector coco, crop model runs/market'

    Args:
        files: The files of a search.
    """
    detector = None if files.detector is None else Path(files.detector)
    kinds = {"joint model": files.model, "detector": detector, "crop model": files.second_stage}
    return ", ".join(f"{kind} {_said(file)}" for kind, file in kinds.items() if file is not None)


def _said(file: Path) -> str:
    return f"{file.stem} (comes with personsearch)" if is_shipped(file) else str(file)
