"""How often a verdict may be wrong: what a calibration is asked for. Nothing heavy is imported here."""

from dataclasses import dataclass
from typing import Literal

RateOf = Literal["probes", "pairs"]
RATES_OF: tuple[RateOf, ...] = ("probes", "pairs")


@dataclass(frozen=True)
class VerdictRates:
    """How often people who are not in the footage may reach each verdict all the same.

    >>> VerdictRates(match_rate=0.2)
    Traceback (most recent call last):
    ValueError: rates 0.2 and 0.1, expected 0 < --match-rate <= --possible-rate < 1

    Args:
        match_rate: The share of people who are not there that may be called a match, more than 0. Lowering it makes
            matches fewer and surer.
        possible_rate: The share of them that may be called possible or a match, at least the match rate and below 1.
        rate_of: Whether both are shares of probes, who are not there, or of pairs of a probe and one sighting of
            somebody else. Thresholds by probes rise with the gallery; those by pairs do not, so that mistakes become
            more frequent as the gallery grows.

    Raises:
        ValueError: A rate is out of its range.
    """

    match_rate: float = 0.01
    possible_rate: float = 0.1
    rate_of: RateOf = "probes"

    def __post_init__(self) -> None:
        if not 0 < self.match_rate <= self.possible_rate < 1:
            raise ValueError(
                f"rates {self.match_rate:g} and {self.possible_rate:g}, "
                "expected 0 < --match-rate <= --possible-rate < 1"
            )
        if self.rate_of not in RATES_OF:
            raise ValueError(f"rates of {self.rate_of!r}, expected one of {', '.join(RATES_OF)}")
