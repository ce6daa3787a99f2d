"""What made the embeddings of a gallery, and reading values that JSON holds."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

OLD_MIRROR_MARK = "+mirror"
"""How fingerprints of mirrored embeddings ended in galleries and calibrations of earlier versions."""


@dataclass(frozen=True)
class EmbeddedBy:
    """What made the embeddings of a gallery. A gallery stores it, and only embeddings made alike can be compared.

    >>> by = EmbeddedBy("0123456789abcdef", mirrored=True)
    >>> EmbeddedBy.from_dict(by.to_dict()) == by
    True
    >>> by.differences(EmbeddedBy("0123456789abcdef"))
    ['with --mirrored']

    Args:
        model: The fingerprint of the first stage's weights (`PersonModel.fingerprint`).
        second_stage: The fingerprint of the crop model that embedded the same people again, None without a second
            stage.
        mirrored: Whether each embedding of the first stage is averaged with that of the mirrored frame.
        tracklet_blend: The share of its tracklet's mean in each sighting's embedding (`search.tracks.averaging`), None
            where each sighting has its own. Means of different people are more alike than their single sightings are,
            so the same similarity says less.

    Raises:
        ValueError: There is no fingerprint, or the share is not in [0, 1].
    """

    model: str
    second_stage: str | None = None
    mirrored: bool = False
    tracklet_blend: float | None = None

    def __post_init__(self) -> None:
        if not self.model or self.second_stage == "":
            raise ValueError("a fingerprint is empty, expected the one of the model's weights")
        if self.tracklet_blend is not None and not 0 <= self.tracklet_blend <= 1:
            raise ValueError(f"tracklet blend {self.tracklet_blend}, expected a share from 0 to 1, or none")

    @classmethod
    def from_marked(
        cls, fingerprint: str, second_stage: str | None = None, tracklet_blend: float | None = None
    ) -> Self:
        """The value of a gallery or calibration of an earlier version, which marked mirrored fingerprints."""
        mirrored = fingerprint.endswith(OLD_MIRROR_MARK)
        return cls(fingerprint.removesuffix(OLD_MIRROR_MARK), second_stage, mirrored, tracklet_blend)

    @property
    def first_stage(self) -> Self:
        """The same without the second stage: what a search by the first stage alone compares with."""
        return dataclasses.replace(self, second_stage=None)

    def differences(self, other: Self) -> list[str]:
        """How this one was made where another was made otherwise, in words such as "with --mirrored"."""
        found = []
        if self.model != other.model:
            found.append("with another model")
        if self.second_stage != other.second_stage:
            what = "another second stage" if self.second_stage and other.second_stage else "a second stage"
            found.append(f"{'without' if self.second_stage is None else 'with'} {what}")
        if self.mirrored != other.mirrored:
            found.append(f"{'with' if self.mirrored else 'without'} --mirrored")
        if self.tracklet_blend != other.tracklet_blend:
            share = f" --tracklet-blend {self.tracklet_blend:g}" if self.tracklet_blend is not None else ""
            found.append(f"with --tracklets{share}" if share else "without --tracklets")
        return found

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON knows them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The value that `to_dict` gave.

        Raises:
            ValueError: A field is unknown, missing or out of its range.
        """
        known = known_fields(cls, content)
        if not isinstance(known.get("model"), str):
            raise ValueError(f"model is {known.get('model')!r}, expected a fingerprint")
        return cls(**known)


def known_fields(value: type, content: Mapping[str, Any]) -> dict[str, Any]:
    """The contents of a JSON object as the fields of a dataclass.

    Raises:
        ValueError: It is no object, or it has a field that the dataclass does not know.
    """
    names = [item.name for item in dataclasses.fields(value)]
    if not isinstance(content, Mapping):
        raise ValueError(f"{value.__name__} is {content!r}, expected an object with {', '.join(names)}")
    unknown = [name for name in content if name not in names]
    if unknown:
        raise ValueError(f"{value.__name__} has the unknown field {unknown[0]!r}, expected {', '.join(names)}")
    return dict(content)
