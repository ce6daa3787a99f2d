"""What became slower is told beyond noise, for every bench in one way."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools.bench.speed.measured import Measured, Run
from tools.outcome import write_json


def run(file: Path, value: float, compare: Path | None = None, repeats: tuple[float, ...] = (), **named: Any) -> Any:
    """One run of a bench that measured one figure."""
    asked = Run.of("bench coffee", {"cups": 3, "beans": [1, 2]}, compare)
    outcome = asked.outcome("said", {"own": 1}, [Measured("brew", value, repeats=repeats, **named)], ["numpy"])
    write_json(file, {"command": "bench coffee", **outcome.figures})
    return outcome


@pytest.mark.parametrize(
    ("before", "now", "repeats", "more", "slower"),
    [
        (1.0, 1.09, (), False, False),  # less than a tenth
        (1.0, 1.11, (), False, True),
        (1.0, 1.11, (1.11, 1.3), False, False),  # its own repeats differ by more
        (1.0, 1.2, (1.2, 1.3), False, True),
        (1.0, 0.5, (), False, False),
        (10.0, 9.2, (), True, False),  # frames a second
        (10.0, 9.0, (), True, True),
        (10.0, 20.0, (), True, False),
    ],
)
def test_slower_is_more_than_a_tenth_and_more_than_the_repeats_differ(
    tmp_path: Path, before: float, now: float, repeats: tuple[float, ...], more: bool, slower: bool
) -> None:
    run(tmp_path / "before.json", before, more_is_better=more)
    outcome = run(tmp_path / "now.json", now, tmp_path / "before.json", repeats, more_is_better=more)
    assert outcome.failed == slower
    assert outcome.figures["slower"] == (["brew"] if slower else [])
    assert ("WORSE" in outcome.text) == slower
    # The spread of the earlier run's repeats counts as well.
    run(tmp_path / "before.json", before, repeats=(before, 2 * before), more_is_better=more)
    assert not run(tmp_path / "now.json", now, tmp_path / "before.json", repeats, more_is_better=more).failed


def test_without_an_earlier_run_nothing_is_compared(tmp_path: Path) -> None:
    outcome = run(tmp_path / "first.json", 1.0)
    assert not outcome.failed
    assert outcome.text.startswith("said\n")
    assert "worse by" not in outcome.text
    figures = json.loads((tmp_path / "first.json").read_text())
    assert figures["own"] == 1
    assert figures["settings"] == {"cups": 3, "beans": [1, 2]}
    assert "commit" in figures["machine"]
    assert figures["made_by"].startswith("personsearch")


def test_other_figures_are_not_compared(tmp_path: Path) -> None:
    file = tmp_path / "before.json"
    run(file, 1.0)
    with pytest.raises(
        ValueError, match=r"before\.json is of `bench coffee`, expected one that `bench tea --json` wrote"
    ):
        Run.of("bench tea", {"cups": 3, "beans": [1, 2]}, file)
    with pytest.raises(ValueError, match=r"with another cups \(3, now 4\), expected the same"):
        Run.of("bench coffee", {"cups": 4, "beans": [1, 2]}, file)
    for broken in ("{}", "[]", "no JSON", json.dumps({"measured": [{"name": "brew", "value": 1, "milk": 2}]})):
        file.write_text(broken)
        with pytest.raises(ValueError, match=r"before\.json holds no figures to compare with"):
            Run.of("bench coffee", {}, file)
    with pytest.raises(FileNotFoundError):
        Run.of("bench coffee", {}, tmp_path / "absent.json")


def test_another_machine_and_what_is_missing_are_told(tmp_path: Path) -> None:
    file = tmp_path / "before.json"
    run(file, 1.0)
    figures = json.loads(file.read_text())
    figures["machine"]["processor"] = "Abacus"
    figures["measured"].append({"name": "pour", "value": 1.0})
    file.write_text(json.dumps(figures))
    text = run(tmp_path / "now.json", 1.0, file).text
    assert "the earlier figures are of another machine: Abacus" in text
    assert "not measured this time: pour" in text
    assert "within noise" in text


def test_the_ratio_says_how_many_times_better() -> None:
    assert Measured("brew", 0.5, baseline="by hand", baseline_value=2.0).ratio == 4
    assert Measured("brew", 6.0, "cups/s", baseline="by hand", baseline_value=2.0, more_is_better=True).ratio == 3
    assert Measured("brew", 0.5).ratio is None


def test_how_near_a_figure_comes_to_the_limit_is_told(tmp_path: Path) -> None:
    assert "reached" not in run(tmp_path / "none.json", 2.0).text
    assert "  50%" in run(tmp_path / "seconds.json", 2.0, limit=1.0).text
    assert "  25%" in run(tmp_path / "frames.json", 2.0, limit=8.0, more_is_better=True).text
    kept = json.loads((tmp_path / "frames.json").read_text())["measured"][0]
    assert Measured.from_dict(kept).reached == 0.25
