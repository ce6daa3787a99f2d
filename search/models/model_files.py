"""Where the models of a search are. Nothing heavy is imported here, so that the command line can ask early."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from search.models.embedded_by import known_fields
from search.models.noted_paths import noted, noted_path

COCO_DETECTOR = "coco"
"""torchvision's detector, in place of a file."""


@dataclass(frozen=True)
class ModelFiles:
    """Where the models of a search are: a joint model with or without a second stage, or a detector and a crop model.

    Args:
        model: The joint model, which finds people and tells them apart: the folder of a `train joint` run, the
            model.safetensors in it, or a SeqNet, NAE or OIM that `models
            import` converted.
        second_stage: The crop model: the folder of a `train crop` run, the model.safetensors in it, or one that `models
            import` converted. Beside a joint model it looks at each cut-out once more. Beside a detector it alone tells
            people apart.
        detector: What finds people in place of a joint model: coco (torchvision's Faster R-CNN, downloaded once), a
            detector that `models import` converted, or a model of `train joint`, of which only the boxes are used.
    """

    model: Path | None = None
    second_stage: Path | None = None
    detector: str | None = None

    @property
    def owner(self) -> Path | None:
        """The file that calibrations lie beside: the joint model, or the crop model where there is none."""
        return self.model or self.second_stage

    def require_usable(self, *, finds_people: bool = True) -> None:
        """Refuse files that make no search.

        Args:
            finds_people: Whether people must be found in frames, for which a crop model alone wants a detector.

        Raises:
            ValueError: There is not exactly one of model and detector, or a detector without a crop model.
        """
        if self.model is not None and self.detector is not None:
            raise ValueError(f"--model {self.model} finds people by itself; leave --detector {self.detector} out")
        if self.owner is None and self.detector is not None:
            raise ValueError(
                f"--detector {self.detector} finds people but cannot tell them apart; give --second-stage too"
            )
        if self.owner is None or (self.model is None and self.detector is None and finds_people):
            raise ValueError("no model is given, expected --model JOINT, or --detector coco --second-stage CROP_MODEL")

    def absolute(self) -> Self:
        """The same files by absolute paths, as a gallery stores them; a folder becomes the file in it."""
        from reid.runs.weight_files import model_file

        detector = self.detector
        if detector is not None and detector != COCO_DETECTOR:
            detector = str(model_file(detector).resolve())
        model, second = (None if one is None else model_file(one).resolve() for one in (self.model, self.second_stage))
        return type(self)(model, second, detector)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON knows them, without those that are not there; shipped files are noted by their package."""
        given = {"model": self.model, "second_stage": self.second_stage, "detector": self.detector}
        return {
            name: COCO_DETECTOR if value == COCO_DETECTOR else noted(Path(value))
            for name, value in given.items()
            if value is not None
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The value that `to_dict` gave.

        Raises:
            ValueError: A field is unknown, or names a shipped file that no package brings.
        """
        known = known_fields(cls, content)
        model, second = (noted_path(known[name]) if known.get(name) else None for name in ("model", "second_stage"))
        detector = known.get("detector")
        if detector is not None and detector != COCO_DETECTOR:
            detector = str(noted_path(detector))
        return cls(model, second, detector)
