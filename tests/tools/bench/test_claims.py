"""Claims of tables: when figures hold one, and when they say nothing."""

import math

import pytest

from tools.bench.claims import LEAST_STEPS, answer_claim, mean_and_spread, no_claim_because
from tools.bench.page import still_running


def answered(better: list[float], worse: list[float], steps: int = LEAST_STEPS, seeds: int = 2) -> tuple[str, str]:
    one = answer_claim("a > b", better, worse, steps=steps, wanted_seeds=seeds)
    return one.answer, one.why


def test_a_difference_beyond_the_spread_decides_in_both_directions() -> None:
    assert answered([52.0, 50.0], [47.0, 49.0]) == ("holds", "")
    assert answered([47.0, 49.0], [52.0, 50.0]) == ("does not hold", "")
    one = answer_claim("a > b", [52.0, 50.0], [47.0, 49.0], steps=LEAST_STEPS, wanted_seeds=2)
    assert (one.difference, one.spread) == (3.0, 2.0)


def test_a_difference_within_the_spread_decides_nothing() -> None:
    within = ("undecided", "the difference lies within the spread of the seeds")
    assert answered([52.0, 48.0], [49.0, 47.0]) == within, "2 points against a spread of 2 + 1"
    assert answered([51.0, 49.0], [49.0, 49.0]) == within, "as large as the spread"


def test_four_steps_and_one_seed_allow_no_claim_and_say_why() -> None:
    assert answered([90.0, 91.0], [1.0, 1.0], steps=4) == (
        "no claim",
        f"trainings of 4 steps say nothing yet, expected {LEAST_STEPS} or more",
    )
    assert answered([90.0, 91.0], [1.0, 1.0], steps=LEAST_STEPS - 1)[0] == "no claim"
    answer, why = answered([90.0], [1.0], seeds=1)
    assert answer == "no claim"
    assert "--seeds 0,1" in why


def test_trainings_that_are_missing_or_did_not_converge_are_named() -> None:
    assert answered([90.0], [1.0, 2.0]) == ("no claim", "1 of 2 seeds are done")
    assert answered([], [1.0]) == ("no claim", "not all trainings are done yet")
    assert answered([math.nan, 90.0], [1.0, 2.0]) == ("undecided", "a training did not converge")


@pytest.mark.parametrize(("steps", "seeds", "allowed"), [(200, 2, True), (199, 2, False), (200, 1, False)])
def test_the_budget_and_the_seeds_that_a_claim_needs(steps: int, seeds: int, allowed: bool) -> None:
    assert (no_claim_because(steps, seeds, seeds) == "") == allowed


def test_figures_that_are_not_there_yet_are_dots() -> None:
    assert [mean_and_spread(values) for values in ([], [math.nan, 1.0], [0.0], [1.0, 2.0])] == [
        "...", "-", "0.0", "1.5 ± 0.5",
    ]  # fmt: skip
    assert still_running(0, 2).startswith("Still running: 0 of 2")
    assert still_running(2, 2) == ""
