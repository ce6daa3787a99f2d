"""What figures say of a claim, and when they say nothing: too few steps, one seed, or a spread as large as the gain."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

LEAST_STEPS = 200
"""Trainings of fewer steps have not learned enough to be compared: any difference between them is chance."""

Answer = Literal["holds", "does not hold", "undecided", "no claim"]


@dataclass(frozen=True)
class ClaimAnswer:
    """What our figures say of a claim.

    Args:
        claim: The claim in words.
        difference: The difference of the means in points, positive where the claim holds; NaN where none can be told.
        spread: Half the range over the seeds of both rows, summed.
        answer: "holds", "does not hold", "undecided" where the difference lies within the spread, or "no claim" where
            the trainings do not allow one.
        why: The reason for "undecided" and "no claim"; empty for the others.
    """

    claim: str
    difference: float
    spread: float
    answer: Answer
    why: str = ""


def no_claim_because(steps: int, seeds: int, wanted_seeds: int) -> str:
    """Why trainings allow no claim; empty where they allow one.

    Args:
        steps: The steps of the shortest training that is compared.
        seeds: The seeds that are done with every training that is compared.
        wanted_seeds: The seeds that were asked for.

    Example:
        >>> no_claim_because(steps=4, seeds=3, wanted_seeds=3)
        'trainings of 4 steps say nothing yet, expected 200 or more'
        >>> no_claim_because(steps=400, seeds=1, wanted_seeds=1)
        'one seed shows no spread, expected two or more: --seeds 0,1'
        >>> no_claim_because(steps=400, seeds=2, wanted_seeds=2)
        ''
    """
    if seeds < wanted_seeds:
        return f"{seeds} of {wanted_seeds} seeds are done"
    if steps < LEAST_STEPS:
        return f"trainings of {steps} steps say nothing yet, expected {LEAST_STEPS} or more"
    if wanted_seeds < 2:
        return "one seed shows no spread, expected two or more: --seeds 0,1"
    return ""


def answer_claim(
    claim: str, better: Sequence[float], worse: Sequence[float], *, steps: int, wanted_seeds: int
) -> ClaimAnswer:
    """Our figures against a claim.

    Args:
        claim: The claim in words.
        better: The figure of each seed of the row that is said to be better, in percent; NaN where it did not converge.
        worse: The figure of each seed of the other row.
        steps: The steps of the shorter training of both.
        wanted_seeds: The seeds that were asked for.

    Example:
        >>> answer_claim("a > b", [50.0, 52.0], [40.0, 42.0], steps=900, wanted_seeds=2).answer
        'holds'
        >>> answer_claim("a > b", [50.0, 52.0], [49.0, 52.0], steps=900, wanted_seeds=2).why
        'the difference lies within the spread of the seeds'
    """
    if not better or not worse:
        return ClaimAnswer(claim, math.nan, math.nan, "no claim", "not all trainings are done yet")
    difference = _mean(better) - _mean(worse)
    spread = _half_range(better) + _half_range(worse)
    if why := no_claim_because(steps, min(len(better), len(worse)), wanted_seeds):
        return ClaimAnswer(claim, difference, spread, "no claim", why)
    if math.isnan(difference):
        return ClaimAnswer(claim, difference, spread, "undecided", "a training did not converge")
    if abs(difference) <= spread:
        return ClaimAnswer(claim, difference, spread, "undecided", "the difference lies within the spread of the seeds")
    return ClaimAnswer(claim, difference, spread, "holds" if difference > 0 else "does not hold")


def mean_and_spread(values: Sequence[float], sign: str = "") -> str:
    """A mean with half the range of its values; "..." where none is there yet, "-" where a training did not converge.

    Args:
        values: One value for each seed.
        sign: "+" shows the sign of a mean above 0 too.

    Example:
        >>> mean_and_spread([1.0, 3.0], sign="+"), mean_and_spread([2.0]), mean_and_spread([])
        ('+2.0 ± 1.0', '2.0', '...')
    """
    if not values:
        return "..."
    if any(math.isnan(value) for value in values):
        return "-"
    mean = f"{_mean(values):{sign}.1f}"
    return mean if len(values) == 1 else f"{mean} ± {_half_range(values):.1f}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _half_range(values: Sequence[float]) -> float:
    return (max(values) - min(values)) / 2
